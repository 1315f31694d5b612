"""Rows that are alike, directly or through others, and which of each group stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ftc.prep.arrays import Floats, Numbers, Truths, firsts

CHECKS = 1 << 28  # pairs looked at before the rest of the groups is left as it is
Measure = Callable[[Numbers, Numbers], Floats]  # how alike pairs of rows are; 0 where it is plain


class Dropped(NamedTuple):
    """Rows that go, for which row that stays each, and how alike the two are."""

    rows: Numbers
    keepers: Numbers
    alike: Floats


def united(labels: Numbers, a: Numbers, b: Numbers) -> Numbers:
    """Labels after joining the groups of each pair: a group's label is its smallest row."""
    parent = labels.copy()
    one, two = parent[a], parent[b]
    while True:
        low, high = np.minimum(one, two), np.maximum(one, two)
        apart = low != high
        if not apart.any():
            return parent
        low, high = low[apart], high[apart]
        np.minimum.at(parent, high, low)
        while True:
            next_up = parent[parent]
            if np.array_equal(next_up, parent):
                break
            parent = next_up
        one, two = parent[low], parent[high]


def settled(
    labels: Numbers, members: Numbers, fixed: Truths, measure: Measure, threshold: float
) -> tuple[Dropped, int]:
    """Which members go, group by group; and how many were not decided because it took too long.

    `members` are in the order of their worth, best first. The best of a group stays and all that
    are alike to it go; then the best of those that are left, and so on. So every row that goes is
    alike to one that stays, and no two that stay are alike. `fixed` rows never go.
    """
    left = members[np.argsort(labels[members], kind="stable")]
    parts = [Dropped(left[:0], left[:0], np.zeros(0))]
    checked = 0
    while left.size:
        heads = firsts(labels[left])
        keepers = left[heads][np.cumsum(heads) - 1][~heads]
        left = left[~heads]
        checked += left.size
        if checked > CHECKS:
            break
        alike = measure(keepers, left)
        gone = (alike >= threshold) & ~fixed[left]
        parts.append(Dropped(left[gone], keepers[gone], alike[gone]))
        left = left[~gone]
    joined = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Dropped(*joined), len(left)
