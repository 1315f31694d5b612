"""The text of what a conversion makes: with the comments that sat on the keys of the source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import tomlkit
import yaml
from tomlkit.items import Item, Table

from ftc.convert.meaning import Native, Reading, Writing, leaves, top
from ftc.convert.source import Source
from ftc.recipe import Recipe

LEFT = "What the tool of the source takes where that says nothing."


def native(target: str, version: str, made: Writing, source: Source, reading: Reading) -> str:
    """YAML for Axolotl, JSON for LLaMA-Factory: first what the source says, in its order, then what
    it leaves to its tool."""
    told = _told(made, source, reading)
    order = [*dict.fromkeys(top(path) for path in told), *made.native]
    config = {name: made.native[name] for name in dict.fromkeys(order) if name in made.native}
    if target == "llamafactory":
        return json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    lines = [f"# For Axolotl {version}, made of {source.path.name} by ftc convert."]
    said = {top(path) for path in told}
    left = False
    for name, value in config.items():
        if name not in said and not left:
            lines += ["", f"# {LEFT}"]
            left = True
        lines += [f"# {line}" for line in _comment(told, name).splitlines()]
        dumped = yaml.safe_dump(
            {name: _plain(value)}, sort_keys=False, allow_unicode=True, width=100
        )
        lines.append(dumped.rstrip())
    return "\n".join(lines) + "\n"


def recipe(tables: Native, source: Source, reading: Reading, made: Writing) -> str:
    """TOML, its tables in the order of the recipe language."""
    told = _told(made, source, reading)
    document = tomlkit.document()
    document.add(tomlkit.comment(f"Made of {source.path.name} by ftc convert."))
    plain = {key: value for key, value in tables.items() if not isinstance(value, Mapping)}
    names = [name for name in Recipe.model_fields if name in tables]
    for name in sorted(plain, key=names.index):
        document.add(name, _item(plain[name], told.get(name, "")))
    for name in names:
        if isinstance(tables[name], Mapping):
            document.add(tomlkit.nl())
            document.add(name, _table(tables[name], name, told))
    return tomlkit.dumps(document)


def _table(values: Mapping[str, Any], path: str, told: Mapping[str, str]) -> Table:
    plain = {key: value for key, value in values.items() if not _inner(value)}
    table = tomlkit.table(is_super_table=not plain and bool(values))
    for key, value in plain.items():
        table.add(key, _item(value, told.get(f"{path}.{key}", "")))
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            table.add(key, _table(value, f"{path}.{key}", told))
        elif _inner(value):
            rows = tomlkit.aot()
            for inner in value:
                rows.append(_table(inner, f"{path}.{key}", told))
            table.add(key, rows)
    return table


def _inner(value: Any) -> bool:
    tables = isinstance(value, list) and bool(value)
    return (isinstance(value, Mapping) and bool(value)) or (
        tables and all(isinstance(item, Mapping) for item in value)
    )


def _item(value: Any, comment: str) -> Item:
    item: Item = tomlkit.item(_plain(value))
    if comment:
        item.comment(" ".join(comment.split()))
    return item


def _told(made: Writing, source: Source, reading: Reading) -> dict[str, str]:
    """The keys that say what the source says, with its comments, in its order."""
    found: dict[str, str] = {}
    for path, _ in leaves(source.values):
        note = source.comments.get(path, "")
        for name in reading.heard.get(path, ()):
            for key in made.held.get(name, ()):
                before = found.get(key, "")
                found[key] = before if not note or note in before else f"{before} {note}".strip()
    return found


def _comment(told: Mapping[str, str], name: str) -> str:
    return "\n".join(text for path, text in told.items() if text and top(path) == name)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value


def shortened(whole: str, tables: Native) -> str:
    """The TOML of a recipe without the keys that are no longer in its tables."""
    document = tomlkit.parse(whole)
    _shorten(document, tables)
    return tomlkit.dumps(document)


def _shorten(found: Any, wanted: Mapping[str, Any]) -> None:
    for name in list(found):
        if name not in wanted:
            del found[name]
        elif isinstance(found[name], Mapping):
            _shorten(found[name], wanted[name])
