"""Finds the source rows of a backend's rows: it may drop, pack or pair them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ftc.parity.reader import Reader
from ftc.parity.records import Row
from ftc.parity.shown import Shown, shown
from ftc.parity.sources import contents

ENOUGH = 0.9  # of a source row's characters in a text: it is that row's
NEAR = 500  # rows on either side of the likeliest that are looked through
Record = Mapping[str, Any]


def rows(told: Sequence[Row], records: Sequence[Record], reader: Reader) -> Iterator[Shown]:
    """Each row of a backend, beside the record that it was made from, or the records of a pack.

    The next record is the likeliest; where not all of it stands in the row, as after a dropped
    one, the record that fits best is taken.
    """
    following: Counter[str] = Counter()
    for row in told:
        queue = row.role if row.role in ("chosen", "rejected") else ""
        text = "".join(reader.texts(row.ids))
        if reader.packing:
            numbers = _members(text, records, row.role) or [0]
        else:
            numbers = [_one(text, records, row.role, following[queue])]
        following[queue] = numbers[-1] + 1
        yield shown(row, [records[number] for number in numbers], reader, numbers[0] + 1)


def _one(text: str, records: Sequence[Record], role: str, likeliest: int) -> int:
    if likeliest < len(records) and _share(text, records[likeliest], role) >= ENOUGH:
        return likeliest
    near = range(max(0, likeliest - NEAR), min(len(records), likeliest + NEAR))
    return max(near, key=lambda it: (_share(text, records[it], role), it == likeliest))


def _members(text: str, records: Sequence[Record], role: str) -> list[int]:
    """The records of a pack, in its order."""
    found = []
    for number, record in enumerate(records):
        if _share(text, record, role) == 1:
            answers = [it.ways[0][0] for it in contents(record, role) if it.kind == "answer"]
            found.append((text.find(answers[-1]) if answers else 0, number))
    return [number for _, number in sorted(found)]


def _share(text: str, record: Record, role: str) -> float:
    """How much of a record's characters stands in a text, 0 to 1."""
    texts = [content.ways for content in contents(record, role)]
    whole = sum(len(ways[0][0]) for ways in texts)
    inside = sum(
        len(ways[0][0])
        for ways in texts
        if any(all(part.strip() in text for part in way) for way in ways)
    )
    return inside / whole if whole else 1.0
