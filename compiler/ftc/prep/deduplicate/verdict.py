"""Which rows go, for which row, and why: equal ones, then near ones, then those of one meaning."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from ftc.prep.arrays import Floats, Numbers, Truths, firsts, repeated
from ftc.prep.deduplicate import meaning, near
from ftc.prep.deduplicate.gathered import embeddings, numbers
from ftc.prep.deduplicate.groups import Dropped, united
from ftc.prep.deduplicate.overlap import Known, jaccards
from ftc.preparation.deduplicate import Deduplicate

STAYS, EXACT, NEAR, MEANING = range(4)


class Verdict(NamedTuple):
    """For each row: why it goes, for which row, how alike it is to that one, and its cluster.

    `alike` is a Jaccard similarity, a cosine where the meaning is the same, and not a number where
    nothing was compared. `through` is the row that it was found by.
    """

    why: Numbers
    keeper: Numbers
    through: Numbers
    alike: Floats
    cluster: Numbers
    unsettled: int


def verdict(known: Known, fixed: Truths, settings: Deduplicate) -> Verdict:
    """Judge all rows; `fixed` ones are there already and never go."""
    every = np.arange(len(fixed))
    found = Verdict(np.zeros_like(every), every, every, np.ones(len(every)), every, 0)
    if settings.exact or settings.near:
        found = _equal(known, fixed, settings, found)
    same = numbers(known.paths, "same")
    if settings.near:
        found = _near(known, fixed, settings.threshold, found, same)
    if settings.meaning is not None:
        found = _meaning(known, fixed, settings.meaning, found)
    return _final(known, fixed, found, same, settings.near)


def together(labels: Numbers) -> Truths:
    """Which rows are not alone."""
    return np.asarray(np.bincount(labels, minlength=len(labels))[labels] > 1)


def _equal(known: Known, fixed: Truths, settings: Deduplicate, found: Verdict) -> Verdict:
    """The best of equal rows stays."""
    values = numbers(known.paths, "equal")
    members = _ranked(known, fixed, np.flatnonzero(repeated(values)))
    members = members[np.argsort(values[members], kind="stable")]
    heads = firsts(values[members])
    rows, best = members[~heads], members[heads][np.cumsum(heads) - 1][~heads]
    dropped = Dropped(rows, best, np.full(len(rows), np.nan))
    labels = united(found.cluster, rows, best)
    return _with(found, dropped, EXACT if settings.exact else NEAR, labels)


def _near(known: Known, fixed: Truths, threshold: float, found: Verdict, same: Numbers) -> Verdict:
    """Of rows that differ in punctuation alone, which are equal, other rows may be alike."""
    _, first = np.unique(same, return_index=True)
    alive = found.why == STAYS
    alive[first] = True
    labels = near.groups(known, alive, threshold)
    labels = united(found.cluster, np.arange(len(labels)), labels)
    members = _ranked(known, fixed, np.flatnonzero((found.why == STAYS) & together(labels)))
    dropped, rest = near.drops(known, labels, members, fixed, threshold)
    return _with(found, dropped, NEAR, labels, rest)


def _meaning(known: Known, fixed: Truths, threshold: float, found: Verdict) -> Verdict:
    rows = _ranked(known, fixed, np.flatnonzero(found.why == STAYS))
    vectors = embeddings(known.paths, known.starts, rows)
    dropped, labels, rest = meaning.drops(vectors, rows, fixed, threshold)
    labels = united(found.cluster, np.arange(len(labels)), labels)
    return _with(found, dropped, MEANING, labels, rest)


def _with(
    found: Verdict, dropped: Dropped, why: int, labels: Numbers, unsettled: int = 0
) -> Verdict:
    """The verdict after one more kind of duplicates."""
    reasons, alike = found.why.copy(), found.alike.copy()
    keeper, through = found.keeper.copy(), found.through.copy()
    reasons[dropped.rows], alike[dropped.rows] = why, dropped.alike
    keeper[dropped.rows] = through[dropped.rows] = dropped.keepers
    return Verdict(reasons, keeper, through, alike, labels, found.unsettled + unsettled)


def _final(known: Known, fixed: Truths, found: Verdict, same: Numbers, compared: bool) -> Verdict:
    """Rows that go for one that goes itself go for the one that stays in the end."""
    keeper = found.keeper
    while not np.array_equal(keeper, keeper[keeper]):
        keeper = keeper[keeper]
    alike = found.alike.copy()
    rows = np.flatnonzero((found.why == EXACT) | (found.why == NEAR))
    rows = rows[np.isnan(alike[rows]) | (keeper[rows] != found.through[rows])]
    equal = same[rows] == same[keeper[rows]]
    alike[rows[equal]] = 1.0
    if compared:
        rest = rows[~equal]
        alike[rest] = jaccards(known, rest, keeper[rest])
    why = np.where(fixed, STAYS, found.why)
    return found._replace(why=why, keeper=keeper, alike=alike)


def _ranked(known: Known, fixed: Truths, rows: Numbers) -> Numbers:
    """Rows by worth, best first: fixed ones, points, richer, longer, then by id."""
    if not rows.size:
        return rows
    names = np.array(known.ids.take(pa.array(rows)).to_pylist(), np.str_)
    size, points = numbers(known.paths, "size"), numbers(known.paths, "points")
    keys = (names, -size[rows], -known.grams[rows], -points[rows], ~fixed[rows])
    return rows[np.lexsort(keys)]
