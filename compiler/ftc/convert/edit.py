"""Changes single keys in the text of a YAML config, and leaves every other character as it is.

Comments, order, quotes and blank lines stay. What a change gives is parsed again: a text that does
not say what it should (anchors, merges) is refused, and the caller leaves it to a person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import yaml

from ftc.convert import yaml_text

Path = tuple[str | int, ...]
Pair = tuple[yaml.Node, yaml.Node]
_NULL = "tag:yaml.org,2002:null"
_WIDE = 10**6  # PyYAML folds longer lines
_PARTS = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


class Cannot(ValueError):
    """The text cannot be changed there without touching something else."""


def parts(path: str) -> Path:
    """ "datasets[0].type" as ("datasets", 0, "type")."""
    return tuple(name or int(number) for name, number in _PARTS.findall(path))


def look(values: Any, path: Path) -> Any:
    """The value at a path; None where there is none."""
    for part in path:
        if isinstance(part, int):
            values = values[part] if isinstance(values, list) and part < len(values) else None
        else:
            values = values.get(part) if isinstance(values, Mapping) else None
    return values


def put(values: dict[str, Any], path: Path, value: Any) -> None:
    """Set a value, the tables above it too; Cannot where something else stands in their place."""
    at: Any = values
    for part, below in pairwise(path):
        if isinstance(at, dict) and at.get(part) is None and isinstance(below, str):
            at[part] = {}
        at = look(at, (part,))
    if not isinstance(at, dict):
        raise Cannot(f"{path[-2] if len(path) > 1 else path[0]} is no table")
    at[path[-1]] = value


def take(values: Any, path: Path) -> None:
    """Take a key out of its table."""
    del look(values, path[:-1])[path[-1]]


def rename(text: str, path: Path, name: str) -> str:
    """Give a key another name, where it stands."""
    table, at = _entry(text, path)
    key = table.value[at][0]
    quote = key.style or ""
    return _cut(text, key.start_mark.index, key.end_mark.index, f"{quote}{name}{quote}")


def replace(text: str, path: Path, value: Any) -> str:
    """Give a key another value: one word or number, or a flow list or table."""
    table, at = _entry(text, path)
    key, node = table.value[at]
    if _empty(node) or node.start_mark.line > key.end_mark.line:
        return _cut(text, _colon(text, key), _end(text, (key, node)), f" {_flow(value)}")
    new = _flow(value)
    if isinstance(value, str) and getattr(node, "style", None) in ("'", '"'):
        new = json.dumps(value, ensure_ascii=False) if node.style == '"' else f"'{value}'"
    return _cut(text, node.start_mark.index, _end(text, (key, node)), new)


def remove(text: str, path: Path) -> str:
    """Take a key out with its value, and with the comment behind it; its table stays, if empty."""
    table, at = _entry(text, path)
    pairs: list[Pair] = table.value
    key, start, end = pairs[at][0], pairs[at][0].start_mark.index, _end(text, pairs[at])
    if len(pairs) == 1:
        if len(path) == 1 or isinstance(path[-2], int):
            raise Cannot("it is the only key of its table")
        return replace(text, path[:-1], {})
    after = pairs[at + 1][0].start_mark.index if at + 1 < len(pairs) else len(text)
    if table.flow_style:
        return _cut(text, start, after) if at + 1 < len(pairs) else _last(text, pairs)
    begin = text.rfind("\n", 0, start) + 1
    below = _line_end(text, end)
    if not text[begin:start].strip():
        return _cut(text, begin, below)
    if at + 1 < len(pairs) and not text[below:after].strip():  # behind the - of a list item
        return _cut(text, start, after)
    if key.start_mark.line != pairs[at][1].end_mark.line:
        raise Cannot("it stands behind the dash of a list item, with a comment below")
    return _cut(text, start, end)


def insert(text: str, path: Path, value: Any, after: Path = ()) -> str:
    """Write a new key behind another one of its table, else at the table's end; tables above it
    that are not there are made."""
    if len(path) > 1:
        above = _node(text, path[:-1])
        if above is None or above.tag == _NULL:
            name = path[-2]
            if not isinstance(name, str):
                raise Cannot("there is no such item")
            return _set(text, path[:-1], {path[-1]: value}, after)
    table = _node(text, path[:-1])
    if not isinstance(table, yaml.MappingNode):
        raise Cannot("there is no table")
    pairs: list[Pair] = table.value
    name, here = str(path[-1]), len(pairs) - 1
    if after[:-1] == path[:-1] and after:
        here = next((i for i, it in enumerate(pairs) if it[0].value == after[-1]), here)
    if table.flow_style:
        new = f"{name}: {_flow(value)}"
        if not pairs:
            return _cut(text, table.start_mark.index + 1, table.end_mark.index - 1, new)
        at = _end(text, pairs[here])
        return _cut(text, at, at, f", {new}")
    return _lines(text, pairs, here, {name: value})


def _set(text: str, path: Path, value: Any, after: Path) -> str:
    try:
        _entry(text, path)
    except Cannot:
        return insert(text, path, value, after)
    return replace(text, path, value)


def _lines(text: str, pairs: list[Pair], here: int, new: Mapping[str, Any]) -> str:
    """The text with new lines below the pair at `here`, as deep as its key."""
    column = pairs[here][0].start_mark.column
    dumped = yaml.safe_dump(
        dict(new), sort_keys=False, allow_unicode=True, width=_WIDE, default_flow_style=False
    )
    newline = "\r\n" if "\r\n" in text else "\n"
    block = "".join(f"{' ' * column}{line}{newline}" for line in dumped.splitlines())
    at = _line_end(text, _end(text, pairs[here]))
    if at == len(text) and not text.endswith("\n"):
        return f"{text}{newline}{block.removesuffix(newline)}"
    return _cut(text, at, at, block)


def _last(text: str, pairs: list[Pair]) -> str:
    return _cut(text, _end(text, pairs[-2]), _end(text, pairs[-1]))


def _cut(text: str, start: int, end: int, new: str = "") -> str:
    return text[:start] + new + text[end:]


def _line_end(text: str, at: int) -> int:
    """Behind the newline that ends the line of a place."""
    return text.find("\n", at) + 1 or len(text)


def _node(text: str, path: Path) -> Any:
    node = yaml.compose(text, Loader=yaml_text.SAFE)
    for part in path:
        if isinstance(part, int) and isinstance(node, yaml.SequenceNode):
            node = node.value[part]
        elif isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == part), None)
        else:
            node = None
    return node


def _entry(text: str, path: Path) -> tuple[Any, int]:
    table = _node(text, path[:-1])
    if isinstance(table, yaml.MappingNode):
        for at, (key, _) in enumerate(table.value):
            if key.value == path[-1]:
                return table, at
    raise Cannot("it comes from an anchor")


def _empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and not node.value and not node.style


def _colon(text: str, key: yaml.Node) -> int:
    at = text.find(":", key.end_mark.index)
    if at < 0:
        raise Cannot("there is no colon behind it")
    return at + 1


def _end(text: str, pair: Pair) -> int:
    """Where the last character of a pair ends: PyYAML ends a block where the next one begins."""
    key, node = pair
    if _empty(node):
        return _colon(text, key)
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        if isinstance(last, tuple):
            return _end(text, last)
        if _empty(last):  # a lone dash
            raise Cannot("its list ends with nothing")
        node = last
    end: int = node.end_mark.index
    if getattr(node, "style", None) in ("|", ">"):
        end = node.start_mark.index + len(text[node.start_mark.index : end].rstrip())
    return end


def _flow(value: Any) -> str:
    dumped = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=_WIDE
    )
    return str(dumped).removesuffix("\n").removesuffix("...").removesuffix("\n")
