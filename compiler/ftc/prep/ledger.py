"""The story of rows: one line for every row that a step dropped, changed, made or refused."""

from __future__ import annotations

from typing import Literal

import pyarrow as pa

Action = Literal["dropped", "changed", "made", "flagged", "refused"]
SCHEMA = pa.schema(
    [
        ("row", pa.string()),  # id; "" for a refused file or place, which never became a row
        ("action", pa.string()),
        ("reason", pa.string()),  # a few words that are the same for like cases; counted
        ("detail", pa.string()),  # what is particular to this row: the other row, the overlap
        ("file", pa.string()),
        ("place", pa.string()),
        ("before", pa.string()),  # "" where nothing was there
        ("after", pa.string()),
    ]
)


class Ledger:
    """Lines of a step over one batch of rows, gathered column by column."""

    def __init__(self) -> None:
        self._columns: dict[str, list[str]] = {name: [] for name in SCHEMA.names}

    def add(
        self,
        action: Action,
        row: str,
        reason: str,
        *,
        detail: str = "",
        file: str = "",
        place: str = "",
        before: str = "",
        after: str = "",
    ) -> None:
        """One line; texts are kept whole."""
        values = (row, action, reason, detail, file, place, before, after)
        for column, value in zip(self._columns.values(), values, strict=True):
            column.append(value)

    def table(self) -> pa.Table:
        """All lines as a table of `SCHEMA`."""
        return pa.table(self._columns, schema=SCHEMA)
