"""Which number each value has: counted over a whole document, in the order of its rows.

A number says nothing of the value, as a hash of it would: who knows a hash of a phone number can
try all phone numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ftc.prep.redact.span import KINDS

SPANS = pa.schema(
    [
        ("text", pa.int32()),  # index in `texts.gathered`
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("kind", pa.int8()),  # index in `span.KINDS`
        ("group", pa.int64()),  # hash of document and kind
        ("value", pa.int64()),  # hash of document, kind and value
        ("first", pa.int64()),  # the same of the first word of a name of two or more; else 0
        ("last", pa.int64()),  # and of its last word
        ("taken", pa.int32()),  # of a placeholder that the text had before: its number; else 0
    ]
)
_NAME = KINDS.index("name")
Numbers = np.ndarray[Any, np.dtype[np.int64]]


def hashed(*parts: str) -> int:
    """64 bits of a hash, signed; never 0, which stands for none."""
    text = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big", signed=True) or 1


def table(lines: Sequence[tuple[int, ...]]) -> pa.Table:
    """Lines with the fields of `SPANS` as a table."""
    columns = np.array(lines, np.int64).reshape(-1, len(SPANS)).T
    types = zip(columns, SPANS.types, strict=True)
    return pa.table([pa.array(column).cast(type_) for column, type_ in types], schema=SPANS)


def write(path: Path, table: pa.Table) -> None:
    """A table as an Arrow file: the same table gives the same bytes."""
    with pa.OSFile(str(path), "wb") as out, pa.ipc.new_file(out, table.schema) as file:
        file.write_table(table)


def read(path: Path) -> pa.Table:
    """A table that `write` wrote."""
    with pa.OSFile(str(path), "rb") as source:
        return pa.ipc.open_file(source).read_all()


def decide(files: Sequence[Path], out: Path) -> None:
    """From the spans of all batches, the spans of each with their numbers, as `out`/SHARD."""
    parts = [read(path) for path in files]
    whole = pa.concat_tables(parts) if parts else SPANS.empty_table()
    held = whole["taken"].to_numpy() > 0
    numbers = np.zeros(whole.num_rows, np.int64)
    numbers[~held] = _numbers(whole.filter(pa.array(~held)), whole.filter(pa.array(held)))
    at = 0
    for shard, part in enumerate(parts):
        own = numbers[at : at + part.num_rows]
        at += part.num_rows
        kept = part.select(["text", "start", "end", "kind"])
        kept = kept.append_column("number", pa.array(own, pa.int64()))
        write(out / f"{shard:06}", kept.filter(pa.array(own > 0)))


def _column(table: pa.Table, name: str) -> Numbers:
    return np.asarray(table[name].to_numpy(), np.int64)


def _numbers(spans: pa.Table, held: pa.Table) -> Numbers:
    """From 1 up in each group, by first appearance; above the numbers that it already had."""
    _, first, inverse = np.unique(_linked(spans), return_index=True, return_inverse=True)
    groups, owner = np.unique(_column(spans, "group"), return_inverse=True)
    order = np.lexsort((first, owner[first]))  # distinct values by group, then by appearance
    own = owner[first][order]
    rank = np.empty(len(order), np.int64)
    rank[order] = (
        np.arange(len(order)) - np.searchsorted(own, own) + 1 + _highest(groups, held)[own]
    )
    numbers: Numbers = rank[inverse.reshape(-1)]
    return numbers


def _highest(groups: Numbers, held: pa.Table) -> Numbers:
    """The highest number that each of the sorted groups already has, or 0."""
    highest = np.zeros(len(groups), np.int64)
    group = _column(held, "group")
    at = np.searchsorted(groups, group)
    known = at < len(groups)
    known[known] = groups[at[known]] == group[known]
    np.maximum.at(highest, at[known], _column(held, "taken")[known])
    return highest


def _linked(spans: pa.Table) -> Numbers:
    """Values, where a lone name has the value of the one full name that begins or ends with it."""
    value = _column(spans, "value")
    full = np.flatnonzero(_column(spans, "last") != 0)
    if not len(full):
        return value
    words = np.concatenate([_column(spans, "first")[full], _column(spans, "last")[full]])
    pairs = np.unique(np.stack([words, np.tile(value[full], 2)], axis=1), axis=0)
    word, count = np.unique(pairs[:, 0], return_counts=True)
    sure = word[count == 1]
    target = pairs[np.searchsorted(pairs[:, 0], sure), 1]
    at = np.searchsorted(sure, value)
    at = np.minimum(at, len(sure) - 1) if len(sure) else at
    if not len(sure):
        return value
    return np.where(sure[at] == value, target[at], value)
