"""Which rows are judged beside the made ones: by a hash, so that a changed row moves no other."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from ftc.augment.judge.shown import shown
from ftc.augmentation import Judge
from ftc.prep.rows import Row, identity


def chosen(rows: Iterable[Row], count: int, seed: int) -> list[Row]:
    """At most `count` rows that the judge can be shown, whatever order they come in."""
    able = (row for row in rows if shown(row))
    return heapq.nsmallest(count, able, key=lambda row: identity("judge", str(seed), row.id))


def chosen_human(rows: Iterable[Row], judge: Judge, seed: int) -> list[Row]:
    """The rows of the user to score for comparison; none for pairwise, as they have no parent."""
    return [] if judge.method == "pairwise" else chosen(rows, judge.human_rows, seed)
