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

from ftc.prep.arrays import Bytes, Hashes, Numbers, Truths, firsts, spans
from ftc.prep.deduplicate.gathered import sets
from ftc.prep.deduplicate.overlap import Known
from ftc.prep.deduplicate.shingles import BITS

_KEPT = 42  # bits of an n-gram's hash in the index; what they confuse is found out afterwards
_SLOTS = 24  # bits of an n-gram's hash that it is counted by
_ROWS = 1 << 14  # rows ordered at a time
_FULL = 256  # rows of a bucket that are all compared with each other
_REACH = 8  # rows that a row is compared with in the largest buckets: prompts that all rows share
_STEP = 1 << 20  # pairs made at a time


Places = npt.NDArray[np.int32]


class Buckets(NamedTuple):
    """Rows that share an n-gram side by side, as numbers of 32 bits.

    `ends[i]` is the end of the bucket of `rows[i]`, `reach[i]` how many rows before it it meets.
    """

    rows: Places
    ends: Places
    reach: Places


def buckets(known: Known, alive: Truths, threshold: float) -> Buckets:
    """The index of the rarest n-grams of the rows that are alive, n-grams of one row left out."""
    seen = _frequencies(known, alive)
    bits = max(1, len(alive).bit_length())
    kept = min(_KEPT, 64 - bits)
    keys = np.empty(int(_lengths(known.grams[alive], threshold).sum()), np.uint64)
    done = 0
    for rows, hashes in _prefixes(known, alive, threshold, seen):
        keys[done : done + len(rows)] = (
            (hashes >> np.uint64(_KEPT - kept)) << np.uint64(bits)
        ) | rows
        done += len(rows)
    del seen
    keys.sort()
    return _bucketed(*_shared(keys, bits))


def _shared(keys: Hashes, bits: int) -> tuple[Places, Numbers]:
    """Rows of the keys whose n-gram another row has too, and where each n-gram starts among them.

    Some at a time: all keys at once take a large part of the memory already.
    """
    rows, heads = [np.zeros(0, np.int32)], [np.zeros(0, bool)]
    for start in range(0, len(keys), _STEP):
        part = keys[max(start - 1, 0) : start + _STEP + 1] >> np.uint64(bits)
        first = firsts(part)
        last = np.append(first[1:], True)
        mine = slice(1 if start else 0, len(part) - (start + _STEP < len(keys)))
        chosen = ~(first & last)[mine]
        found = keys[start : start + _STEP][chosen] & np.uint64((1 << bits) - 1)
        rows.append(found.astype(np.int32))
        heads.append(first[mine][chosen])
    return np.concatenate(rows), np.flatnonzero(np.concatenate(heads))


def narrowed(found: Buckets, labels: Numbers, done: int) -> Buckets:
    """Only the buckets that have rows of different labels, and rows further apart than `done`."""
    wide = found.reach > done
    rows, starts = found.rows[wide], np.flatnonzero(firsts(found.ends[wide]))
    if not rows.size:
        return _bucketed(rows, starts)
    mine = labels[rows]
    several = np.minimum.reduceat(mine, starts) != np.maximum.reduceat(mine, starts)
    sizes = np.diff(np.append(starts, len(rows)))
    rows, sizes = rows[np.repeat(several, sizes)], sizes[several]
    return _bucketed(rows, np.cumsum(sizes) - sizes)


def pairs(found: Buckets, nearest: int, furthest: int) -> Iterator[tuple[Numbers, Numbers]]:
    """Pairs of rows of a bucket that stand `nearest` to `furthest` apart in it, some at a time."""
    for start in range(0, len(found.rows), _STEP):
        live = start + np.flatnonzero(found.reach[start : start + _STEP] >= nearest)
        for distance in range(nearest, furthest + 1):
            fits = (live + distance < found.ends[live]) & (distance <= found.reach[live])
            live = live[fits]
            if not live.size:
                break
            a, b = found.rows[live], found.rows[live + distance]
            yield a.astype(np.int64), b.astype(np.int64)


def _bucketed(rows: Places, starts: Numbers) -> Buckets:
    sizes = np.diff(np.append(starts, len(rows)))
    reach = np.minimum(np.maximum(_FULL * _FULL // sizes, _REACH), sizes - 1)
    reach[sizes <= _FULL] = sizes[sizes <= _FULL] - 1
    ends = (starts + sizes).astype(np.int32)
    return Buckets(rows, np.repeat(ends, sizes), np.repeat(reach.astype(np.int32), sizes))


def _prefixes(
    known: Known, alive: Truths, threshold: float, seen: Bytes
) -> Iterator[tuple[Hashes, Hashes]]:
    """(rows, hashes) of the n-grams by which rows are found."""
    for first, values, counts in _alive(known, alive):
        rows = np.repeat(np.arange(len(counts), dtype=np.uint64), counts)
        rarity = seen[_slots(values, seen)].astype(np.uint64)
        keys = (rows << np.uint64(_KEPT + 8)) | (rarity << np.uint64(_KEPT))
        keys |= values >> np.uint64(BITS - _KEPT)
        keys.sort()
        chosen = keys[spans(np.cumsum(counts) - counts, _lengths(counts, threshold))]
        hashes = chosen & np.uint64((1 << _KEPT) - 1)
        yield (chosen >> np.uint64(_KEPT + 8)) + np.uint64(first), hashes


def _lengths(counts: Numbers, threshold: float) -> Numbers:
    """By how many of its n-grams a row of so many is found."""
    least = np.ceil(counts.astype(np.float64) * threshold - 1e-9)
    return np.where(counts > 0, counts - least.astype(np.int64) + 1, 0)


def _frequencies(known: Known, alive: Truths) -> Bytes:
    """How often n-grams occur, about: an order from rare to frequent is all that is needed."""
    total = int(known.grams[alive].sum())
    seen = np.zeros(1 << min(max(total.bit_length(), 16), _SLOTS), np.uint8)
    for _, values, _ in _alive(known, alive):
        slots = np.sort(_slots(values, seen))
        first = np.flatnonzero(firsts(slots))
        counts = np.minimum(np.diff(np.append(first, len(slots))), 255).astype(np.uint16)
        slots = slots[first]
        seen[slots] = np.minimum(seen[slots] + counts, 255)
    return seen


def _slots(values: Hashes, seen: Bytes) -> npt.NDArray[np.uint32]:
    return (values >> np.uint64(BITS + 1 - len(seen).bit_length())).astype(np.uint32)


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
