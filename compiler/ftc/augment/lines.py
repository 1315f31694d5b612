"""What became of seeds, in files: the first part of the ledger that a run leaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from ftc.prep.store import read_table, write_table

MANY = 64  # tables that go into one file


class Lines:
    """Tables of one schema in files below a folder, in the order in which they are added."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: list[pa.Table] = []
        self._files: list[Path] = []

    def add(self, table: pa.Table) -> None:
        """Some more; kept in memory until there are enough for a file."""
        self._held.append(table)
        if len(self._held) == MANY:
            self._flush()

    def tables(self) -> Iterator[pa.Table]:
        """All that was added."""
        self._flush()
        yield from map(read_table, self._files)

    def _flush(self) -> None:
        if self._held:
            path = self._folder / f"{len(self._files):05}.parquet"
            write_table(path, pa.concat_tables(self._held))
            self._files.append(path)
            self._held = []
