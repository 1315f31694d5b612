"""Files of rows, a line of JSON each, as `ftc.prep.canonical` lays them out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from ftc.prep import canonical
from ftc.prep.result import named
from ftc.prep.rows import Row
from ftc.prep.store import whole


def write(path: Path, found: Iterable[Row]) -> None:
    """Rows as a file that is there whole or not at all."""

    def lines(beside: Path) -> None:
        with beside.open("w", encoding="utf-8", newline="\n") as stream:
            for row in found:
                stream.write(json.dumps(canonical.record(row), ensure_ascii=False) + "\n")

    whole(path, lines)


def each(path: Path, folder: Path) -> Iterator[Row]:
    """The rows of a file, which is named relative to the recipe's folder."""
    for number, (_, line) in enumerate(lines(path), start=1):
        yield row(line, path, folder, number)


def row(line: bytes, path: Path, folder: Path, number: int) -> Row:
    """The row of one line."""
    return canonical.row(json.loads(line), named(path, folder), f"line {number}")


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file, and where in it they begin."""
    offset = 0
    with path.open("rb") as stream:
        for line in stream:
            yield offset, line
            offset += len(line)
