"""A native config under the rules of `ftc check`: what it says, and what it leaves to its tool.

Nothing is resolved: a rule that needs what the config does not tell, such as its rows, is left out
and named.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

from ftc import rules
from ftc.backends import versions
from ftc.backends.versions import Version
from ftc.convert import dialect, kinds, recipe
from ftc.convert.convert import implied, understood
from ftc.convert.meaning import Native, Reading, Writing
from ftc.convert.source import Source
from ftc.diagnostics import Finding
from ftc.errors import FtcError
from ftc.facts import model
from ftc.facts.records import Facts, ModelFacts
from ftc.plan import PATHS, Origin, Plan
from ftc.recipe import Recipe
from ftc.resolve.method import ALL_LINEAR
from ftc.rules.case import Case, NotKnown

TOLD = Origin("recipe", "the config says so")
LEFT = Origin("fixed", "the tool's own default")
# They ask about what ftc writes itself, and here it has written nothing.
OF_BUILDS = (
    "native-owned-key",
    "native-stale-cache",
    "native-length",
    "native-val-split",
    "native-evals-per-epoch",
    "native-warmup",
)
_PLAIN = {"has_tools": False, "segments": "none", "tokens": "native", "device": "gpu"}
_SET = re.compile(r"\bset (?:[a-z]+\.)?([a-z_]+) = ")


class Some:
    """A record of which only some attributes are known; the others raise `NotKnown`."""

    def __init__(self, **known: Any) -> None:
        self.__dict__.update(known)

    def __getattr__(self, name: str) -> Any:
        raise NotKnown(name)


def check(
    source: Source,
    *,
    version: str = "",
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
) -> rules.Checked:
    """Findings about a native config; places are its own keys, with their lines.

    FtcError when it is no training config.
    """
    tool = kinds.training(source)
    line = versions.find(tool, version)
    reading = understood(tool, line.version, source)
    left = implied(tool, line.version, source, reading)
    values = left | reading.values
    made = recipe.write(tool, source.values, reading, values)
    case = _case(line, source, values, left, made.native)
    seen = rules.checked(case, select=select, ignore=(*ignore, *OF_BUILDS))
    places = _places(tool, line.version, reading, made)
    return seen._replace(findings=[_placed(it, tool, places, source) for it in seen.findings])


def _case(
    line: Version, source: Source, values: Mapping[str, Any], left: Collection[str], tables: Native
) -> Case:
    """What rules may look at; whatever the config does not tell raises `NotKnown`."""
    base = {"name": "config", "model": {"id": "-"}}
    told = {name: value for name, value in source.values.items() if value is not None}
    said = Recipe.model_validate(base | dict(tables) | {"backend": {line.backend: told}})
    found = _model(said, source)
    known = {name: value for name, value in values.items() if name in Plan.__dataclass_fields__}
    if known.get("lora_targets") == (ALL_LINEAR,):
        del known["lora_targets"]
        if isinstance(found, ModelFacts):
            known["lora_targets"] = found.linear_modules
    origins = {name: LEFT if name in left else TOLD for name in known}
    plan = Some(**_PLAIN | known, origins=origins)
    facts = Some(
        model=found,
        data=Some(),
        hardware=Some(),
        backends=((line.backend, line.version),),
    )
    return Case(said, cast("Plan", plan), cast("Facts", facts))


def _model(said: Recipe, source: Source) -> Any:
    """Its facts from the folder, the cache or the catalogue; nothing is asked of a hub."""
    try:
        found = model.gather(said.model, source.path.absolute().parent, offline=True)
    except FtcError:
        return Some()
    return found if found.shape is not None else Some(family=found.family)


def _places(tool: str, version: str, reading: Reading, made: Writing) -> dict[str, str]:
    """Place in a recipe -> the key of the config that says the same."""
    found: dict[str, str] = {}
    for path, concepts in reading.heard.items():
        for name in concepts:
            for place in (PATHS.get(name), *made.held.get(name, ())):
                if place is not None:
                    found.setdefault(place, path)
    for name, place in PATHS.items():
        key = dialect.place(tool, version, name)
        if key is not None:
            found.setdefault(place, key)
    return found


def _placed(it: Finding, tool: str, places: Mapping[str, str], source: Source) -> Finding:
    """The finding at the key of the config, its remedy in the tool's own words."""
    key = it.where.removeprefix(f"backend.{tool}.")
    key = places.get(it.where, key)
    line = source.lines.get(key, 0)
    where = f"{source.path}:{line}: {key}" if line else f"{source.path}: {key}"

    def native(match: re.Match[str]) -> str:
        named = (places.get(it) for it in PATHS.values() if it.endswith(f".{match[1]}"))
        path = next((it for it in named if it), match[1])
        return f"set {path} = "

    return replace(it, where=where, remedy=_SET.sub(native, it.remedy))
