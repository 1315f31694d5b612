"""What of a made row is compared with other rows, so that what it kept of its seed counts for no
likeness: a question said in other words, with the answer that it had, is no near duplicate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ftc.prep.rows import Row, each, table
from ftc.prep.store import read_table

Turns = tuple[tuple[str, str], ...]


class Views:
    """The made rows of one batch beside those of yours that they were made from.

    A view stands under a system turn of its own, the id of the row of yours: rows under different
    system turns are never duplicates of each other, so views are compared with what was made of
    the same row alone, and with what that row itself says in the place of the new text.
    """

    def __init__(self, made: pa.Table, human: Sequence[Path]) -> None:
        rows = list(each(made))
        parents = _found({row.parents[0] for row in rows if row.parents}, human)
        self._rows: list[Row] = []
        self._rests: dict[tuple[str, Turns], Row] = {}
        for row in rows:
            parent = parents.get(row.parents[0]) if row.parents else None
            self._rows.append(self._view(row, parent) if parent else row)
        self.some = any(view is not row for view, row in zip(self._rows, rows, strict=True))

    def compared(self) -> pa.Table:
        """The rows, each as it is compared."""
        return table(self._rows)

    def rests(self) -> pa.Table:
        """What rows of yours say where rows made of them say something else."""
        return table(self._rests.values())

    def _view(self, row: Row, parent: Row) -> Row:
        said, had = _said(row), _said(parent)
        new = tuple(turn for turn in said if turn[1] not in {text for _, text in had})
        if not new or len(new) == len(said):
            return row
        head = ("system", parent.id)
        rest = tuple(turn for turn in had if turn[1] not in {text for _, text in said})
        if rest:
            self._rests[parent.id, rest] = parent._replace(turns=(head, *rest))
        return row._replace(turns=(head, *new))


def _said(row: Row) -> Turns:
    return tuple(turn for turn in row.turns if turn[0] != "system")


def _found(wanted: set[str], human: Sequence[Path]) -> dict[str, Row]:
    return {row.id: row for row in _among(pa.array(sorted(wanted), pa.string()), human)}


def _among(wanted: pa.Array, human: Sequence[Path]) -> Iterator[Row]:
    for path in human:
        rows = read_table(path)
        yield from each(rows.filter(pc.is_in(rows["id"], wanted)))
