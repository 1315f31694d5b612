"""Rows looked up in files of finished rows, where the id stands first in each line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def ids_of(path: Path, start: str) -> Iterator[str]:
    """The ids that begin so; none where there is no file."""
    for _, line in _lines(path, f'{{"id": "{start}'):
        yield line.split(b'"', 4)[3].decode()


def line_of(path: Path, name: str) -> tuple[int, bytes] | None:
    """The line of a row and its number, from 1; None where there is none."""
    return next(_lines(path, f'{{"id": "{name}"'), None)


def _lines(path: Path, start: str) -> Iterator[tuple[int, bytes]]:
    begin = start.encode()
    try:
        with path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if line.startswith(begin):
                    yield number, line
    except FileNotFoundError:
        return
