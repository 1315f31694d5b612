"""Finds the line of a key in TOML text, for messages; parsing itself is tomllib's part."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from typing import Any


def line_of(text: str, path: Sequence[str | int]) -> int:
    """The 1-based line where the deepest known part of `path` is set, or 0 when none of it is.

    Each statement is parsed by itself, so the cost is linear and only paid for an error message.
    """
    best, best_depth = 0, 0
    for line, keys in _statements(text):
        depth = _shared(keys, [part for part in path if isinstance(part, str)])
        if depth > best_depth:
            best, best_depth = line, depth
    return best


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    table: list[str] = []
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
        header = chunk[0].lstrip().startswith("[")
        for keys in _paths(parsed):
            yield start, keys if header else table + keys
        if header:
            table = max(_paths(parsed), key=len)
        chunk = []


def _paths(value: Any) -> list[list[str]]:
    """Every key path below a parsed statement, shortest first."""
    found: list[list[str]] = []
    if isinstance(value, list) and value:
        return _paths(value[-1])
    if isinstance(value, dict):
        for key, inner in value.items():
            found.append([key])
            found += [[key, *rest] for rest in _paths(inner)]
    return sorted(found, key=len)


def _shared(keys: Sequence[str], path: Sequence[str]) -> int:
    """How many parts agree; 0 when `keys` leads anywhere else than to `path`."""
    return len(keys) if list(keys) == list(path[: len(keys)]) else 0
