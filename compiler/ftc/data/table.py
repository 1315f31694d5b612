"""Rows as they were read, before they mean anything: shared by the readers."""

from __future__ import annotations

from typing import Any, NamedTuple

from ftc.data.example import Rejected


class BadRow(ValueError):
    """Why a row cannot be used; whoever reads many rows turns it into a `Rejected`."""


class Table(NamedTuple):
    """`rows` are (line, columns) pairs; `kind` is what the content turned out to be."""

    file: str
    kind: str
    rows: list[tuple[int, dict[str, Any]]]
    rejected: list[Rejected]

    def columns(self, limit: int = 100) -> list[str]:
        """Names of the columns of the first rows, in the order in which they appear."""
        return list(dict.fromkeys(name for _, row in self.rows[:limit] for name in row))
