"""What a reader finds in a file: pieces that become rows, bad places, and things to count."""

from __future__ import annotations

from typing import Any, NamedTuple

import pyarrow as pa

from ftc.prep.rows import Form, Medium


class Piece(NamedTuple):
    """A row to be. `turns` holds role, content, role, content, ..."""

    place: str
    turns: tuple[str, ...]
    title: str = ""
    medium: Medium = "prose"
    extra: dict[str, Any] = {}  # noqa: RUF012 - never written to
    form: Form = "chunk"
    recoded: int = 0  # lines in it that are no UTF-8 and were read as cp1252


class Bad(NamedTuple):
    """A place, or a whole file where `place` is empty, that cannot be used, and why."""

    place: str
    reason: str  # a short phrase that is the same for like cases
    detail: str = ""
    before: str = ""


class Count(NamedTuple):
    """Something to add to the figures."""

    figure: str
    amount: int = 1


class Block(NamedTuple):
    """Rows of consecutive lines that have turns and nothing else; `first` is the first line."""

    first: int
    turns: pa.ListArray
    form: Form


Found = Piece | Bad | Count | Block


class Record(NamedTuple):
    """A row of a table before it means anything."""

    place: str
    row: dict[str, Any]
    recoded: int = 0


class Unreadable(ValueError):
    """A file, or the rest of it, that cannot be read: `Bad` for whoever reads it."""

    def __init__(self, reason: str, detail: str = "", place: str = "") -> None:
        super().__init__(reason)
        self.bad = Bad(place, reason, detail)
