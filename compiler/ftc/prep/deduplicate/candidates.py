"""Which rows may be alike: those that share one of their rarest n-grams.

Two sets with a Jaccard similarity of at least t share an element among the first
n - ceil(t n) + 1 of each, in any order that is the same for all sets (prefix filtering; Chaudhuri,
Ganti and Kaushik 2006; Bayardo, Ma and Srikant 2007). Ordered from rare to frequent, few rows that
are not alike share one. No alike pair is missed, unlike with MinHash and bands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ftc.prep.deduplicate.arrays import Hashes, Numbers, Truths, firsts, spans
from ftc.prep.deduplicate.gathered import sets
from ftc.prep.deduplicate.overlap import Known
from ftc.prep.deduplicate.shingles import BITS

_KEPT = 42  # bits of an n-gram's hash in the index; what they confuse is found out afterwards
_COUNTED = 8192  # n-grams counted at a time; one that occurs twice among them counts once
_ROWS = 1 << 14  # rows ordered at a time
_FULL = 256  # rows of a bucket that are all compared with each other
_REACH = 32  # rows before it that a row is compared with in the largest buckets
_STEP = 1 << 20  # pairs made at a time


class Buckets(NamedTuple):
    """Rows that share an n-gram side by side; `ends[i]` is the end of the bucket of `rows[i]`."""

    rows: Numbers
    ends: Numbers
    reach: Numbers


def buckets(known: Known, alive: Truths, threshold: float) -> Buckets:
    """The index of the rarest n-grams of the rows that are alive, n-grams of one row left out."""
    seen = _frequencies(known, alive)
    bits = max(1, len(alive).bit_length())
    kept = min(_KEPT, 64 - bits)
    parts = [np.zeros(0, np.uint64)]
    for rows, hashes in _prefixes(known, alive, threshold, seen):
        parts.append(((hashes >> np.uint64(_KEPT - kept)) << np.uint64(bits)) | rows)
    keys = np.concatenate(parts)
    del parts, seen
    keys.sort()
    first = firsts(keys >> np.uint64(bits))
    keys = keys[~(first & np.append(first[1:], True))] if keys.size else keys
    rows = np.asarray(keys & np.uint64((1 << bits) - 1), np.int64)
    return _bucketed(rows, np.flatnonzero(firsts(keys >> np.uint64(bits))))


def narrowed(found: Buckets, labels: Numbers, done: int) -> Buckets:
    """Only the buckets that have rows of different labels, and rows further apart than `done`."""
    rows, ends, reach = found
    if not rows.size:
        return found
    starts = np.flatnonzero(firsts(ends))
    mine = labels[rows]
    low, high = np.minimum.reduceat(mine, starts), np.maximum.reduceat(mine, starts)
    sizes = np.diff(np.append(starts, len(rows)))
    kept = np.repeat((low != high) & (reach[starts] > done), sizes)
    rows, sizes = rows[kept], sizes[(low != high) & (reach[starts] > done)]
    return _bucketed(rows, np.cumsum(sizes) - sizes)


def pairs(found: Buckets, nearest: int, furthest: int) -> Iterator[tuple[Numbers, Numbers]]:
    """Pairs of rows of a bucket that stand `nearest` to `furthest` apart in it, some at a time."""
    live = np.arange(len(found.rows))
    for distance in range(nearest, furthest + 1):
        fits = (live + distance < found.ends[live]) & (distance <= found.reach[live])
        live = live[fits]
        if not live.size:
            return
        for start in range(0, len(live), _STEP):
            part = live[start : start + _STEP]
            yield found.rows[part], found.rows[part + distance]


def _bucketed(rows: Numbers, starts: Numbers) -> Buckets:
    if not rows.size:
        return Buckets(rows, rows, rows)
    sizes = np.diff(np.append(starts, len(rows)))
    reach = np.where(sizes <= _FULL, sizes - 1, np.maximum(_FULL * _FULL // sizes, _REACH))
    return Buckets(rows, np.repeat(starts + sizes, sizes), np.repeat(reach, sizes))


def _prefixes(
    known: Known, alive: Truths, threshold: float, seen: npt.NDArray[np.uint32]
) -> Iterator[tuple[Hashes, Hashes]]:
    """(rows, hashes) of the n-grams by which rows are found."""
    for first, values, counts in _alive(known, alive):
        rows = np.repeat(np.arange(len(counts), dtype=np.uint64), counts)
        rarity = np.minimum(seen[_slots(values, seen)], 255).astype(np.uint64)
        keys = (rows << np.uint64(_KEPT + 8)) | (rarity << np.uint64(_KEPT))
        keys |= values >> np.uint64(BITS - _KEPT)
        keys.sort()
        length = np.where(counts > 0, counts - _ceil(counts.astype(np.float64) * threshold) + 1, 0)
        chosen = keys[spans(np.cumsum(counts) - counts, length)]
        hashes = chosen & np.uint64((1 << _KEPT) - 1)
        yield (chosen >> np.uint64(_KEPT + 8)) + np.uint64(first), hashes


def _ceil(values: npt.NDArray[np.float64]) -> Numbers:
    return np.asarray(np.ceil(values - 1e-9), np.int64)


def _frequencies(known: Known, alive: Truths) -> npt.NDArray[np.uint32]:
    """How often n-grams occur, about: an order from rare to frequent is all that is needed."""
    total = int(known.grams[alive].sum())
    seen = np.zeros(1 << min(max(total.bit_length(), 16), 25), np.uint32)
    for _, values, _ in _alive(known, alive):
        slots = _slots(values, seen)
        for start in range(0, len(slots), _COUNTED):
            seen[slots[start : start + _COUNTED]] += np.uint32(1)
    return seen


def _slots(values: Hashes, seen: npt.NDArray[np.uint32]) -> Numbers:
    return (values >> np.uint64(BITS + 1 - len(seen).bit_length())).astype(np.int64)


def _alive(known: Known, alive: Truths) -> Iterator[tuple[int, Hashes, Numbers]]:
    """(number of the first row, n-grams, how many each row has), `_ROWS` rows at a time."""
    for path, begin, end in zip(known.paths, known.starts[:-1], known.starts[1:], strict=True):
        found = sets(path)
        for first in range(int(begin), int(end), _ROWS):
            last = min(first + _ROWS, int(end))
            offsets = found.offsets[first - begin : last - begin + 1]
            values = found.values[offsets[0] : offsets[-1]]
            mine = alive[first:last]
            if not mine.all():
                values = values[np.repeat(mine, np.diff(offsets))]
            yield first, values, np.where(mine, np.diff(offsets), 0)
