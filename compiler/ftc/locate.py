"""Finds the line of a key in TOML text, for messages; parsing itself is tomllib's part."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

Keys = list[str | int]


def line_of(text: str, path: Sequence[str | int]) -> int:
    """The 1-based line where the deepest known part of `path` is set, or 0 when none of it is.

    A number in `path` counts the tables of an array, from 0.

    Each statement is parsed by itself, so the cost is linear and only paid for an error message.
    """
    best, best_depth = 0, 0
    for line, keys in _statements(text):
        depth = _shared(keys, path)
        if depth > best_depth:
            best, best_depth = line, depth
    return best


def _statements(text: str) -> Iterator[tuple[int, Keys]]:
    table: Keys = []
    arrays = Counter[tuple[str | int, ...]]()
    chunk: list[str] = []
    start = 0
    for number, line in enumerate(text.splitlines(), 1):
        if not chunk and (not line.strip() or line.lstrip().startswith("#")):
            continue
        start = start if chunk else number
        chunk.append(line)
        try:
            parsed = tomllib.loads("\n".join(chunk))
        except tomllib.TOMLDecodeError:
            continue
        if chunk[0].lstrip().startswith("["):
            table = _table(max(_paths(parsed), key=len), chunk[0].lstrip()[1:2] == "[", arrays)
            for depth in range(len(table)):
                yield start, table[: depth + 1]
        else:
            for keys in _paths(parsed):
                yield start, table + keys
        chunk = []


def _table(keys: Keys, more: bool, arrays: Counter[tuple[str | int, ...]]) -> Keys:
    """The path of a table's header, with a number behind each array of tables in it."""
    path: Keys = []
    for key in keys:
        path.append(key)
        if more and len(path) - sum(isinstance(it, int) for it in path) == len(keys):
            arrays[tuple(path)] += 1
        if arrays[tuple(path)]:
            path.append(arrays[tuple(path)] - 1)
    return path


def _paths(value: Any) -> list[Keys]:
    """Every key path below a parsed statement, shortest first."""
    found: list[Keys] = []
    if isinstance(value, list) and value:
        return _paths(value[-1])
    if isinstance(value, dict):
        for key, inner in value.items():
            found.append([key])
            found += [[key, *rest] for rest in _paths(inner)]
    return sorted(found, key=len)


def _shared(keys: Sequence[str | int], path: Sequence[str | int]) -> int:
    """How many parts agree; 0 when `keys` leads anywhere else than to `path`."""
    return len(keys) if list(keys) == list(path[: len(keys)]) else 0
