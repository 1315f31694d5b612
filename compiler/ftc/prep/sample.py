"""Rows that stand for all, where counting all takes long: the longest, and a sample of the others.

The sample is every so-many-th row in the order of length, so that each length has its share; of the
upper rows, which decide p95 and p99, it takes more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ftc.prep.rows import SCHEMA, contents

ROWS = 10_000  # of the sample, half of them from the upper rows: p99 is within 1 %
UPPER = 0.125  # share of the rows that are the upper ones
LONGEST = 100  # one row of so many is among the longest,
LONGEST_ROWS = 10_000  # but no more than these
BATCH = 16_384  # rows that are looked at together
COLUMNS = ["form", "turns", "extra"]
Ints = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]


class Part(NamedTuple):
    """Rows of which each stands for `weight` rows."""

    table: pa.Table  # of COLUMNS
    weight: float


def pick(shards: Sequence[Path], rows: int, seed: int, progress: Progress) -> list[Part]:
    """The longest rows by UTF-8 bytes, and a sample of the others; `rows` counts all."""
    start = np.random.default_rng(seed).random(2)
    systems = [_System(1 - UPPER, rows, start[0]), _System(UPPER, rows, start[1])]
    keep = min(-(-rows // LONGEST), LONGEST_ROWS)
    longest, parts = Picked.none(), [[Picked.none()], [Picked.none()]]
    done = 0
    for batch in batches(shards, BATCH):
        sizes = _sizes(batch)
        order = np.argsort(sizes, kind="stable")
        cut = round(len(order) * (1 - UPPER))
        for number, places in enumerate((order[:cut], order[cut:])):
            every = places[systems[number].next(len(places))]
            parts[number].append(Picked.of(batch, sizes, done, number, every))
        longest = longest.with_longest(batch, sizes, done, order[cut:], keep)
        done += len(sizes)
        progress(done, rows)
    found = [Part(longest.table, 1.0)]
    for number, picked in enumerate(parts):
        others = Picked.joined(picked)
        others = others.take(np.flatnonzero(~np.isin(others.numbers, longest.numbers)))
        left = systems[number].rows - np.count_nonzero(longest.upper == number)
        found.append(Part(others.table, left / max(len(others.numbers), 1)))
    return found


class _System:
    """Every so-many-th of a share of all rows, over many batches."""

    def __init__(self, share: float, rows: int, start: float) -> None:
        self.step = max(share * rows / (ROWS / 2), 1.0)
        self.start = start * self.step
        self.rows = 0

    def next(self, count: int) -> Ints:
        """Which of the next `count` rows."""
        every = np.arange(self.start, count, self.step)
        self.start += len(every) * self.step - count
        self.rows += count
        return every.astype(np.int64)


@dataclass(frozen=True)
class Picked:
    """Rows that were picked, with their bytes, their numbers among all, and 1 for upper rows."""

    table: pa.Table
    sizes: Ints
    numbers: Ints
    upper: Ints

    @classmethod
    def none(cls) -> Picked:
        """No rows."""
        schema = pa.schema([SCHEMA.field(name) for name in COLUMNS])
        return cls(schema.empty_table(), *(np.zeros(0, np.int64) for _ in range(3)))

    @classmethod
    def of(cls, table: pa.Table, sizes: Ints, first: int, upper: int, places: Ints) -> Picked:
        """Some rows of a table whose first row has the number `first`."""
        kinds = np.full(len(places), upper, np.int64)
        return cls(table.take(pa.array(places)), sizes[places], places + first, kinds)

    @classmethod
    def joined(cls, parts: Sequence[Picked]) -> Picked:
        """All rows of several."""
        return cls(
            pa.concat_tables([part.table for part in parts]).combine_chunks(),
            np.concatenate([part.sizes for part in parts]),
            np.concatenate([part.numbers for part in parts]),
            np.concatenate([part.upper for part in parts]),
        )

    def take(self, places: Ints) -> Picked:
        """Some of the rows."""
        table = self.table.take(pa.array(places))
        return Picked(table, self.sizes[places], self.numbers[places], self.upper[places])

    def with_longest(
        self, table: pa.Table, sizes: Ints, first: int, upper: Ints, keep: int
    ) -> Picked:
        """The `keep` longest of these and of a table's rows, the earlier of equally long ones."""
        least = int(self.sizes.min()) if len(self.sizes) >= keep else -1
        places = np.flatnonzero(sizes > least)
        above = np.isin(places, upper)
        parts = [self.of(table, sizes, first, kind, places[above == kind]) for kind in (0, 1)]
        both = self.joined([self, *parts])
        return both.take(np.lexsort((both.numbers, -both.sizes))[:keep])


def batches(shards: Sequence[Path], size: int) -> Iterator[pa.Table]:
    """The rows of Parquet files, `size` at a time at most; of their columns `COLUMNS`."""
    for path in shards:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(size, columns=COLUMNS):
                yield pa.Table.from_batches([batch])


def _sizes(rows: pa.Table) -> Ints:
    """UTF-8 bytes of each row's turns."""
    lengths = pc.binary_length(contents(rows)).to_numpy()
    ends = np.cumsum(pc.list_value_length(rows["turns"]).to_numpy())
    sums: Ints = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    sizes: Ints = np.diff(sums[np.concatenate([[0], ends])])
    return sizes
