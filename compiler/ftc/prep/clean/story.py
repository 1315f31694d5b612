"""What the step says of its rows: lines of the ledger, and figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ftc.prep import rows as table
from ftc.prep.clean.batch import Batch, Mask
from ftc.prep.clean.language import Languages
from ftc.prep.ledger import Action, Ledger

FOREIGN = "language"  # flag and reason: another language than the recipe's
EMPTY = "nothing left after cleaning"


def told(
    batch: Batch, done: pa.Table, gone: Mask, foreign: Mask, found: Languages, order: Sequence[str]
) -> pa.Table:
    """The ledger: a line for every row that was changed and goes on, was dropped, or flagged."""
    ledger = Ledger()
    parts = [(name, batch.changed[name].tolist()) for name in order if name in batch.changed]
    codes, chances = found.codes.tolist(), found.probabilities.tolist()

    def parts_of(i: int) -> str:
        return ", ".join(name for name, hits in parts if hits[i])

    def language_of(i: int) -> str:
        return f"{codes[i]} {chances[i]:.2f}"

    _add(ledger, "changed", batch, batch.any_changed() & ~gone, reason=parts_of, after=done)
    _add(ledger, "dropped", batch, gone & ~foreign, reason=lambda _: EMPTY)
    _add(ledger, "dropped", batch, gone & foreign, reason=lambda _: FOREIGN, detail=language_of)
    _add(ledger, "flagged", batch, foreign & ~gone, reason=lambda _: FOREIGN, detail=language_of)
    return ledger.table()


def _add(
    ledger: Ledger,
    action: Action,
    batch: Batch,
    which: Mask,
    *,
    reason: Callable[[int], str],
    detail: Callable[[int], str] = lambda _: "",
    after: pa.Table | None = None,
) -> None:
    index = np.flatnonzero(which)
    if not len(index):
        return
    old = batch.rows.take(pa.array(index))
    befores = _texts(old)
    afters: Sequence[str] = [""] * len(index)
    if after is not None:
        new = after.take(pa.array(index))
        titles: Any = zip(old["title"].to_pylist(), new["title"].to_pylist(), strict=True)
        retitled = [a != b for a, b in titles]
        befores, afters = _texts(old, retitled), _texts(new, retitled)
    names = ("id", "file", "place")
    rows = zip(*(old[name].to_pylist() for name in names), strict=True)
    for i, (row, file, place), was, now in zip(index.tolist(), rows, befores, afters, strict=True):
        ledger.add(
            action, row, reason(i), detail=detail(i), file=file, place=place, before=was, after=now
        )


def _texts(rows: pa.Table, titled: Sequence[bool] | None = None) -> list[str]:
    """The text of each row, below its title where that was changed."""
    found = table.texts(rows)
    if titled is None or not any(titled):
        return found
    titles = rows["title"].to_pylist()
    return [
        f"{title}\n{text}" if with_title else text
        for title, text, with_title in zip(titles, found, titled, strict=True)
    ]


def counted(
    batch: Batch, gone: Mask, foreign: Mask, found: Languages, order: Sequence[str]
) -> dict[str, float]:
    """Rows that each part changed, rows dropped and flagged, rows by language."""
    figures = {
        f"clean.{name}": float(batch.changed[name].sum()) for name in order if name in batch.changed
    }
    codes, counts = np.unique(found.codes[found.codes != ""], return_counts=True)
    for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
        figures[f"clean.language.{code}"] = float(count)
    totals = {
        "clean.changed": batch.any_changed() & ~gone,
        "clean.dropped": gone,
        "clean.flagged": foreign & ~gone,
    }
    return figures | {name: float(rows.sum()) for name, rows in totals.items()}
