"""Compares the rows of two tools, token by token; what the differences mean stands elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ftc.errors import FtcError
from ftc.parity.align import Span, changes, paired
from ftc.parity.records import UNTRAINED, Part, Row, Told
from ftc.parity.report import Kind

PARTS: tuple[Part, ...] = ("train", "eval")
_PAIR = ("chosen", "rejected")  # the two sequences of one row of data; other roles are one each
_NOTHING: Span = (0, 0)


@dataclass(frozen=True)
class Stream:
    """The rows of a part that stand for one row of data each; `role` "" but for a pair's two."""

    part: Part
    role: str
    left: Sequence[Row]
    right: Sequence[Row]


@dataclass(frozen=True)
class Found:
    """A difference: the tokens of either row from `left_span` and `right_span`.

    `row` counts from 1 in the data, as far as the two tools' rows together are the data.
    `left` or `right` is None when that tool has no such row; `numbers` are the tools' own.
    """

    kind: Kind
    part: Part
    role: str
    row: int
    left: Row | None
    right: Row | None
    numbers: tuple[int | None, int | None]
    left_span: Span = _NOTHING
    right_span: Span = _NOTHING


def streams(told: tuple[Told, Told]) -> Iterator[Stream]:
    """The rows to compare. FtcError when a backend gave columns of different lengths."""
    for part in PARTS:
        sides = [tuple(it.rows.get(part, ())) for it in told]
        for it, rows in zip(told, sides, strict=True):
            _check(it.backend, part, rows)
        present = {row.role for rows in sides for row in rows}
        pairs = [role for role in _PAIR if role in present]
        for role in pairs:
            left, right = ([row for row in rows if row.role == role] for rows in sides)
            yield Stream(part, role, left, right)
        if present - set(pairs):
            left, right = ([row for row in rows if row.role not in _PAIR] for rows in sides)
            yield Stream(part, "", left, right)


def _check(backend: str, part: Part, rows: Sequence[Row]) -> None:
    for number, row in enumerate(rows, 1):
        if not len(row.ids) == len(row.labels) == len(row.mask):
            raise FtcError(
                f"{backend}: row {number} of {part} has {len(row.ids)} tokens, "
                f"{len(row.labels)} labels and a mask of {len(row.mask)}",
                hint="this is not what a trainer can take: look at the backend's log",
            )


def differences(stream: Stream, *, planned: int, max_length: int) -> Iterator[Found]:
    """Every difference of a stream, in the order of the data; `planned` is the plan's rows."""
    missing = _missing(len(stream.left), len(stream.right), planned)
    swapped = None
    for number, (i, j) in enumerate(paired(stream.left, stream.right), 1):
        left = None if i is None else stream.left[i]
        right = None if j is None else stream.right[j]
        if left == right:
            continue
        role = stream.role or (left or right or Row((), (), ())).role
        own = None if i is None else i + 1, None if j is None else j + 1
        if left is not None and right is not None and left.ids == right.ids:
            found = list(_columns(left, right, (0, len(left.ids)), 0))
        else:
            swapped = swapped or _Everywhere(stream)
            found = _apart(left, right, swapped, missing, max_length)
        for kind, one, two in found:
            yield Found(kind, stream.part, role, number, left, right, own, one, two)


def _missing(left: int, right: int, planned: int) -> tuple[Kind, Kind]:
    """What it is that only the first tool has a row, and that only the second has it."""

    def kind(has: int, lacks: int) -> Kind:
        return "extra" if has > planned and lacks >= planned else "dropped"

    return kind(left, right), kind(right, left)


class _Everywhere:
    """The ids of all rows of a stream, to find rows that only stand elsewhere."""

    def __init__(self, stream: Stream) -> None:
        self.left = {row.ids for row in stream.left}
        self.right = {row.ids for row in stream.right}

    def holds(self, left: Row | None, right: Row | None) -> bool:
        """Each of the rows that there are stands in the other tool too."""
        return (left is None or left.ids in self.right) and (
            right is None or right.ids in self.left
        )


Spans = tuple[Kind, Span, Span]


def _apart(
    left: Row | None,
    right: Row | None,
    everywhere: _Everywhere,
    missing: tuple[Kind, Kind],
    max_length: int,
) -> list[Spans]:
    """The differences of rows with other ids, or of a row that one tool has not."""
    one = (0, len(left.ids)) if left else _NOTHING
    two = (0, len(right.ids)) if right else _NOTHING
    if left is None or right is None:
        alone: Kind = missing[0] if right is None else missing[1]
        return [("moved" if everywhere.holds(left, right) else alone, one, two)]
    if everywhere.holds(left, right):
        return [("moved", one, two)]
    spans = changes(left.ids, right.ids)
    if _cut(left, right, spans, max_length):
        return [("cut", spans[0][0], spans[0][1])]
    return list(_woven(left, right, spans))


def _cut(left: Row, right: Row, spans: Sequence[tuple[Span, Span]], max_length: int) -> bool:
    """One row is the other without some tokens: brought down to `max_length`, or without trained
    ones at its end.
    """
    short, long = sorted((left, right), key=lambda row: len(row.ids))
    gone = [one if long is left else two for one, two in spans]
    stays = [two if long is left else one for one, two in spans]
    if any(start != stop for start, stop in stays):
        return False
    if len(long.ids) > max_length >= len(short.ids):
        return True
    start, stop = gone[0]
    lost = set(long.labels[start:stop]) - {UNTRAINED}
    return len(gone) == 1 and stop == len(long.ids) and stop - start > 1 and bool(lost)


def _woven(left: Row, right: Row, spans: Sequence[tuple[Span, Span]]) -> Iterator[Spans]:
    """Other ids, and between them other labels or mask."""
    ends = ((0, 0), (0, 0)), *spans, ((len(left.ids),) * 2, (len(right.ids),) * 2)
    for (one, two), (after, _) in pairwise(ends):
        if one != (0, 0) or two != (0, 0):
            yield "ids", one, two
        yield from _columns(left, right, (one[1], after[0]), two[1] - one[1])
    if left.role != right.role:
        yield "role", _NOTHING, _NOTHING


def _columns(left: Row, right: Row, span: Span, shift: int) -> Iterator[Spans]:
    """Where labels or mask differ over tokens with equal ids; `shift` leads to the right row."""
    start, stop = span
    if span == (0, len(left.ids)) and left.role != right.role:
        yield "role", _NOTHING, _NOTHING
    columns: tuple[tuple[Kind, int, Sequence[int], Sequence[int]], ...] = (
        ("labels", UNTRAINED, left.labels, right.labels),
        ("mask", 0, left.mask, right.mask),
    )
    for kind, off, whole, others in columns:
        ours, theirs = whole[start:stop], others[start + shift : stop + shift]
        if ours != theirs:
            for one, two in _runs(ours, theirs, off):
                here = start + one, start + two
                yield kind, here, (here[0] + shift, here[1] + shift)


def _runs(left: Sequence[int], right: Sequence[int], off: int) -> Iterator[Span]:
    """Runs of places that differ in the same sense: on in one of the two, or on in both."""
    start, sense = 0, (False, False, False)
    for place, (a, b) in enumerate(zip(left, right, strict=True)):
        new = (a != b, a == off, b == off) if a != b else (False, False, False)
        if new != sense:
            if sense[0]:
                yield start, place
            start, sense = place, new
    if sense[0]:
        yield start, len(left)
