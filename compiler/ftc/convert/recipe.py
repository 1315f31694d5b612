"""The recipe as a dialect: concepts as its tables, and its tables as concepts.

What a recipe has no words for stands below [backend.TOOL], in that tool's own words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ftc import backends
from ftc.backends import versions
from ftc.backends.base import PREFERENCE
from ftc.convert import dialect, neutral
from ftc.convert.meaning import Native, Reading, Writing, leaves
from ftc.convert.rows import recipe as rows
from ftc.convert.tables import look, put
from ftc.plan import PATHS
from ftc.recipe import SHARES, Recipe

PLACES = PATHS | {name: f"training.{name}" for name in SHARES}
CONCEPTS = {path: name for name, path in PLACES.items()}
ALONE = "stands below [backend.{tool}], for that tool alone"
MANY_ROWS = 1_000_000  # how many there are is not known yet: no key that few rows ask for
WRITTEN = "ftc writes it into every config of this tool"
_UNSAID: dict[str, tuple[Any, ...]] = {"quant_bits": (0,), "eval_steps": (0,), "gpus": (1,)}


def read(tables: Native) -> Reading:
    """What a recipe says itself; nothing is filled in."""
    found = rows.read(tables)
    for path, value in leaves(tables):
        if path in CONCEPTS and path not in found.heard:
            name = CONCEPTS[path]
            found.values[name] = tuple(value) if isinstance(value, list) else value
            found.heard[path] = (name,)
    if "method" in found.values:
        bits = {"qlora": 4}.get(found.values["method"], 0)
        found.values.setdefault("quant_bits", bits)
    return found


def write(source: str, config: Native, reading: Reading, values: Mapping[str, Any]) -> Writing:
    """A recipe that says these concepts, which are those of a config of the tool `source` and what
    it leaves to that tool; what only native keys can say is kept in them."""
    made = rows.write(values)
    for name, value in values.items():
        path = PLACES.get(name)
        if path is None or name in made.held or name in made.lost:
            continue
        if path.startswith("preference.") and values.get("stage") not in PREFERENCE:
            continue
        if value is None or value in _UNSAID.get(name, ()) or value == ():
            made.held[name] = ()  # what a recipe means that does not say it
            continue
        put(made.native, path, list(value) if isinstance(value, tuple) else value)
        made.held[name] = (path,)
    _refused(made)
    _natives(source, config, reading, values, made)
    return made


def _refused(made: Writing) -> None:
    """Take out what the recipe language has no word for: other optimizers than its own, ..."""
    whole = {"name": "converted", "model": {"id": "model"}, "data": {"path": "rows.jsonl"}}
    try:
        Recipe.model_validate(whole | made.native)
    except ValidationError as error:
        for fault in error.errors():
            path = ".".join(str(part) for part in fault["loc"] if not isinstance(part, int))
            for name, paths in list(made.held.items()):
                if path in paths:
                    _take_out(made.native, path)
                    del made.held[name]


def _take_out(tables: dict[str, Any], path: str) -> None:
    *above, name = path.split(".")
    for part in above:
        tables = tables[part]
    tables.pop(name, None)


def _natives(
    source: str, config: Native, reading: Reading, values: Mapping[str, Any], made: Writing
) -> None:
    """Keep the keys that no word of the recipe holds, for their own tool and, where it has a key of
    the same meaning, for the other."""
    other = next(name for name in versions.BACKENDS if name != source)
    wanted = [name for name in reading.values if name not in made.held and name in values]
    there = dialect.write(other, versions.find(other).version, {it: values[it] for it in wanted})
    for path, value in leaves(config):
        concepts = reading.heard.get(path, ())
        note = reading.settled.get(path)
        if note is not None and note.kind != "untranslatable":
            continue
        if note is None and all(name in made.held for name in concepts):
            continue
        if _written(source, path, value, values):
            made.kept[path] = WRITTEN
            continue
        if any(name.startswith("data.") for name in concepts) or "[" in path:
            continue  # data sets have no place below [backend]
        if not _sayable(value):
            continue
        put(made.native, f"backend.{source}.{path}", value)
        both = bool(concepts) and all(
            name in made.held or (name in there.held and name not in there.lost)
            for name in concepts
        )
        made.kept[path] = "" if both else ALONE.format(tool=source)
    for name, paths in there.held.items():
        if name not in there.lost:
            for path in paths:
                inner = look(there.native, path)
                if not _written(other, path, inner, values):
                    put(made.native, f"backend.{other}.{path}", inner)


def _written(tool: str, path: str, value: Any, values: Mapping[str, Any]) -> bool:
    """Whether ftc writes a key with this value, or with all of it in a list, by itself."""
    for key in backends.get(tool).KEYS:
        if not key.settings and path in key.natives:
            plan = neutral.plan({**values, "train_rows": MANY_ROWS})
            wrote = key.write(plan, versions.find(tool).version).get(path)
            lists = isinstance(value, list) and isinstance(wrote, list)
            return all(it in wrote for it in value) if lists and wrote else bool(wrote == value)
    return False


def _sayable(value: Any) -> bool:
    """Whether TOML can hold a value: it has no null."""
    if isinstance(value, Mapping):
        return all(map(_sayable, value.values()))
    return all(map(_sayable, value)) if isinstance(value, list) else value is not None
