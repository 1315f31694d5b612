"""What ftc made, or would make, as a side of a difference: recipes, plans, builds and runs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ftc import backends, recipe
from ftc.backends import versions
from ftc.build import Compiled, compile_recipe
from ftc.convert import dialect, silent, subjects
from ftc.convert import recipe as tables
from ftc.convert import source as sources
from ftc.convert.meaning import Native, Note, Reading, leaves, top
from ftc.convert.native_side import known, placed
from ftc.convert.rows import recipe as rows
from ftc.convert.sides import Own, Place, Side, table
from ftc.errors import FtcError
from ftc.plan import Origin, Plan
from ftc.recipe import Recipe
from ftc.run.launch import config_of

# What a plan finds out of things that a config has no word for.
_FOUND = ("name", "task", "model_type", "family", "turn_end", "system_preamble", "template_date",
          "has_tools", "segments", "eval_rows")  # fmt: skip
_SETTINGS = frozenset(Plan.__dataclass_fields__)
_LATER: dict[str, Any] = {"liger_kernel": False}  # settings that plans of older builds lack
_ALONE = "for that tool alone"


def of_recipe(it: Place, tool: str, version: str, *, offline: bool) -> Side:
    """A recipe as it is resolved; for one tool, its native keys too.

    Where the data or the model is out of reach, what it says itself. FtcError when it is broken.
    """
    said = recipe.load(it.path)
    assert it.source is not None
    folder = it.path.absolute().parent
    try:
        compiled = compile_recipe(it.path, [(tool, version)] if tool else (), offline=offline)
    except FtcError as error:
        return _said(it, said, str(error).splitlines()[0])
    made = _planned(it, compiled.plan, tool, version, _keys(said, tool), folder)
    data = compiled.dataset
    return replace(
        made,
        values={**made.values, **placed(_rows(it.source.values, data.source, data.format), folder)},
        own=made.own if tool else dict(_overrides(said)),
        ids=_ids(compiled),
        digest=compiled.facts.data.sha256,
        shape=compiled.facts.model.shape,
    )


def of_plan(it: Place, tool: str, version: str) -> Side:
    """A plan that `ftc plan --format json` has printed; FtcError when it is another ftc's."""
    assert it.source is not None
    return _planned(it, _plan(it.source.values, it.path), tool, version, {}, it.path.parent)


def of_build(it: Place) -> Side:
    """A build or run folder: what was handed over, or is to be."""
    folder = it.path
    if it.record is not None and not (folder / "plan.json").is_file():
        folder = Path(it.record.build)
    plan = _plan(table(folder / "plan.json"), folder / "plan.json")
    said = recipe.load(folder / "recipe.toml")
    data = table(folder / "data.json")
    made = _planned(it, plan, it.tool, it.version, _keys(said, it.tool), folder)
    told = sources.read(folder / "recipe.toml").values
    return replace(
        made,
        values={
            **made.values,
            "train_rows": data.get("train"),
            **_rows(told, str(data.get("source")), str(data.get("format"))),
        },
        ids=None if plan.stage == "pretrain" else _written(folder / "train.jsonl"),
        digest=str(data.get("sha256", "")),
        record=it.record,
    )


def _said(it: Place, said: Recipe, why: str) -> Side:
    assert it.source is not None
    values = tables.read(it.source.values).values
    return Side(
        name=str(it.path),
        what="recipe",
        values=placed(
            {name: value for name, value in values.items() if value != "auto"},
            it.path.absolute().parent,
        ),
        own=dict(_overrides(said)),
        whole=False,
        remarks=(f"{it.path}: only what it says itself is compared: {why}",),
    )


def _planned(it: Place, plan: Plan, tool: str, version: str, keys: Native, folder: Path) -> Side:
    """A plan for one tool, or for either; the recipe's native `keys`, and what was changed by hand
    in the config of a build folder, are laid over it."""
    values = {name: value for name, value in plan.values().items() if name not in _FOUND}
    given = {name for name, origin in plan.origins.items() if origin.kind == "recipe"}
    del values["max_steps" if "max_steps" not in given else "epochs"]
    left = values.keys() - given - {"model"}
    config: Native = {}
    own: dict[str, Own] = {}
    if tool:
        config, changed = _config(plan, tool, version, keys, folder if it.tool else None)
        reading = dialect.read(tool, version, config)
        over = {it for path, names in reading.heard.items() if top(path) in changed for it in names}
        implied = dialect.implied(tool, version, config)
        told = implied | reading.values
        values |= {it: told[it] for it in told if it not in _SETTINGS or it in over}
        left = (left | (implied.keys() - _SETTINGS)) - over
        set_ = {path: value for path, value in leaves(config) if top(path) in changed}
        settled = reading.settled
        own = {path: Own(set_[path], settled[path]) for path in set_.keys() & settled.keys()}
    values = placed(values | silent.implied("recipe", plan.values()), folder)
    return Side(
        name=str(it.path),
        what=it.what,
        tool=tool,
        version=version,
        values=values,
        left=frozenset(left),
        own=own,
        steps=values.get("max_steps", plan.max_steps),
        shape=known(plan.model, folder)[0],
        family=plan.family,
        config=config,
        plan=plan,
    )


def _config(
    plan: Plan, tool: str, version: str, keys: Native, built: Path | None
) -> tuple[Native, set[str]]:
    """The native config, and the keys at its top that ftc would have written otherwise."""
    made = backends.get(tool)
    plain = made.native(plan, version)
    config: Native = made.overridden(plain, keys)[0]
    if built is not None and (file := built / config_of(tool)).is_file():
        config = sources.read(file).values
    names = plain.keys() | config.keys()
    return config, {name for name in names if config.get(name) != plain.get(name)}


def _plan(values: Mapping[str, Any], path: Path) -> Plan:
    """A plan out of its JSON; of each origin its kind."""
    try:
        said = _LATER | {name: it["value"] for name, it in values.items()}
        said = {name: tuple(it) if isinstance(it, list) else it for name, it in said.items()}
        kept = {name: Origin(it["origin"]["kind"], "") for name, it in values.items()}
        return Plan(**said, origins=kept)
    except (TypeError, KeyError) as error:
        hint = "make it again with: ftc plan RECIPE --format json"
        raise FtcError(f"{path}: is no plan of this ftc: {error}", hint=hint) from error


# -------------------------------------------------------------------------------------- rows


def _rows(said: Native, source: str, form: str) -> dict[str, Any]:
    """What a recipe says of its rows, in the format that was seen in them."""
    data = dict(said.get("data") or {"path": source})
    if data.get("format", "auto") == "auto":
        data["format"] = form
    values = rows.read({**said, "data": data}).values
    return {name: value for name, value in values.items() if name.startswith("data.")}


def _ids(compiled: Compiled) -> Counter[str] | None:
    """The rows that are trained on; those of pre-training are cut first: they have no ids."""
    if compiled.plan.stage == "pretrain":
        return None
    long, limit = compiled.facts.data.train, compiled.plan.max_length
    pairs = zip(compiled.dataset.train, long.total, strict=True)
    return Counter(it.id for it, total in pairs if not (long.exact and total > limit))


def _written(path: Path) -> Counter[str] | None:
    if not path.is_file():
        return None
    with path.open(encoding="utf-8") as lines:
        return Counter(str(json.loads(line).get("id")) for line in lines)


def _overrides(said: Recipe) -> Iterator[tuple[str, Own]]:
    """The native keys of a recipe that is read for no tool."""
    for tool in versions.BACKENDS:
        keys = getattr(said.backend, tool)
        reading = dialect.read(tool, versions.find(tool, "").version, keys) if keys else Reading()
        for path, value in leaves(keys) if keys else ():
            training = any(map(subjects.training, reading.heard.get(path, ())))
            note = reading.settled.get(path, Note("untranslatable", _ALONE, training))
            yield f"backend.{tool}.{path}", Own(value, note)


def _keys(said: Recipe, tool: str) -> Native:
    return getattr(said.backend, tool) if tool else {}
