"""Rows that stand for all, where counting all takes long: the longest, and a sample of the others.

The sample is every so-many-th row in the order of length, so that each length has its share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ftc.prep.rows import SCHEMA, contents

ROWS = 8_000  # of the sample: with them p99 is within 1 % and 1 M rows take under 4 CPU-s
LONGEST = 100  # one row of so many is among the longest,
LONGEST_ROWS = 4_000  # but no more than these
BATCH = 16_384  # rows that are looked at together
COLUMNS = ["id", "parents", "file", "place", "form", "medium", "title", "turns", "extra"]
Ints = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]


def pick(
    shards: Sequence[Path], rows: int, seed: int, progress: Progress
) -> tuple[pa.Table, pa.Table]:
    """The longest rows by UTF-8 bytes, and the sample without them; `rows` is the number of all."""
    step = max(rows / ROWS, 1.0)
    start = float(np.random.default_rng(seed).random()) * step
    keep = min(-(-rows // LONGEST), LONGEST_ROWS)
    longest, parts = Picked.none(), [Picked.none()]
    done = 0
    for batch in batches(shards, BATCH):
        sizes = _sizes(batch)
        numbers = np.arange(done, done + len(sizes))
        every = np.arange(start, len(sizes), step)
        start += len(every) * step - len(sizes)
        order = np.argsort(sizes, kind="stable")
        parts.append(Picked.of(batch, sizes, numbers, order[every.astype(np.int64)]))
        longest = longest.with_longest(batch, sizes, numbers, keep)
        done += len(sizes)
        progress(done, rows)
    others = Picked.joined(parts)
    others = others.take(np.flatnonzero(~np.isin(others.numbers, longest.numbers)))
    return longest.table, others.table


@dataclass(frozen=True)
class Picked:
    """Rows that were picked, with their bytes and their numbers among all."""

    table: pa.Table
    sizes: Ints
    numbers: Ints

    @classmethod
    def none(cls) -> Picked:
        """No rows."""
        schema = pa.schema([SCHEMA.field(name) for name in COLUMNS])
        return cls(schema.empty_table(), np.zeros(0, np.int64), np.zeros(0, np.int64))

    @classmethod
    def of(cls, table: pa.Table, sizes: Ints, numbers: Ints, places: Ints) -> Picked:
        """Some rows of a table."""
        return cls(table.take(pa.array(places)), sizes[places], numbers[places])

    @classmethod
    def joined(cls, parts: Sequence[Picked]) -> Picked:
        """All rows of several."""
        return cls(
            pa.concat_tables([part.table for part in parts]).combine_chunks(),
            np.concatenate([part.sizes for part in parts]),
            np.concatenate([part.numbers for part in parts]),
        )

    def take(self, places: Ints) -> Picked:
        """Some of the rows."""
        return self.of(self.table, self.sizes, self.numbers, places)

    def with_longest(self, table: pa.Table, sizes: Ints, numbers: Ints, keep: int) -> Picked:
        """The `keep` longest rows of these and those of a table, the earlier of equal ones."""
        least = int(self.sizes.min()) if len(self.sizes) >= keep else -1
        places = np.flatnonzero(sizes > least)
        both = self.joined([self, self.of(table, sizes, numbers, places)])
        return both.take(np.argsort(-both.sizes, kind="stable")[:keep])


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
    return np.diff(sums[np.concatenate([[0], ends])])
