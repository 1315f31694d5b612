"""The real Jaccard similarity of pairs of rows, from their n-gram sets on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from ftc.prep.arrays import Floats, Hashes, Numbers, Truths, spans
from ftc.prep.deduplicate.gathered import sets
from ftc.prep.deduplicate.shingles import BITS, shared_at_most

HELD = 16_000_000  # n-grams in memory at a time, 8 bytes each
_BLOCK = 1 << 16  # n-grams compared at a time


class Known(NamedTuple):
    """What is in memory of all rows; `starts` are the first rows of the files, and the end."""

    paths: Sequence[Path]
    starts: Numbers
    ids: pa.Array
    system: Hashes
    grams: Numbers
    pictures: Hashes


class Held(NamedTuple):
    """n-gram sets of some rows: of `rows[i]`, ascending, `values[offsets[i]:offsets[i + 1]]`."""

    rows: Numbers
    values: Hashes
    offsets: Numbers


def hold(known: Known, rows: Numbers) -> Held:
    """Read the sets of these rows, which are ascending and all different."""
    offsets = np.concatenate([[0], np.cumsum(known.grams[rows])])
    values = np.empty(int(offsets[-1]), np.uint64)
    edges = np.searchsorted(rows, known.starts)
    for i, path in enumerate(known.paths):
        chosen = rows[edges[i] : edges[i + 1]] - known.starts[i]
        if chosen.size:
            found = sets(path)
            starts = found.offsets[chosen]
            place = slice(offsets[edges[i]], offsets[edges[i + 1]])
            values[place] = found.values[spans(starts, found.offsets[chosen + 1] - starts)]
    return Held(rows, values, offsets)


def possible(known: Known, a: Numbers, b: Numbers, threshold: float) -> Truths:
    """Which pairs may reach the threshold, by their sizes and pictures; never wrong about a no.

    Rows under different system turns are not alike, whatever else they say.
    """
    size_a, size_b = known.grams[a], known.grams[b]
    least = needed(size_a + size_b, threshold)
    found: Truths = np.minimum(size_a, size_b) >= least
    found &= known.system[a] == known.system[b]
    some = np.flatnonzero(found)
    a, b = a[some], b[some]
    most = shared_at_most(known.pictures[a], known.pictures[b], (size_a + size_b)[some])
    found[some] = most >= least[some]
    return found


def needed(total: Numbers, threshold: float) -> Numbers:
    """How many n-grams two rows with `total` n-grams share at least when they are alike."""
    least = total.astype(np.float64) * (threshold / (1 + threshold))
    return np.asarray(np.ceil(least - 1e-9), np.int64)


def jaccard(known: Known, held: Held, a: Numbers, b: Numbers) -> Floats:
    """Shared n-grams over all n-grams of each pair of held rows; 1 where neither has any."""
    total = known.grams[a] + known.grams[b]
    place_a, place_b = np.searchsorted(held.rows, a), np.searchsorted(held.rows, b)
    shared = np.zeros(len(a), np.int64)
    for start, end in _blocks(total):
        pair = np.arange(end - start, dtype=np.uint64) << np.uint64(BITS)
        keys = np.concatenate(
            [_keyed(held, place_a[start:end], pair), _keyed(held, place_b[start:end], pair)]
        )
        keys.sort()
        same = keys[1:][keys[1:] == keys[:-1]] >> np.uint64(BITS)
        shared[start:end] = np.bincount(same.astype(np.int64), minlength=end - start)
    union = total - shared
    return np.where(union > 0, shared / np.maximum(union, 1), 1.0)


def jaccards(known: Known, a: Numbers, b: Numbers) -> Floats:
    """The same for pairs of any rows, read as far as there is room."""
    found = np.zeros(len(a))
    for start, end in _blocks(known.grams[a] + known.grams[b], HELD, most=len(a)):
        part_a, part_b = a[start:end], b[start:end]
        held = hold(known, np.unique(np.concatenate([part_a, part_b])))
        found[start:end] = jaccard(known, held, part_a, part_b)
    return found


def _keyed(held: Held, places: Numbers, pair: Hashes) -> Hashes:
    starts = held.offsets[places]
    counts = held.offsets[places + 1] - starts
    return held.values[spans(starts, counts)] | np.repeat(pair, counts)


def _blocks(
    sizes: Numbers, limit: int = _BLOCK, most: int = 1 << (63 - BITS)
) -> Iterator[tuple[int, int]]:
    """Ranges whose sizes add up to about `limit`, of at least one and at most `most`."""
    ends = np.cumsum(sizes)
    start = 0
    while start < len(sizes):
        before = ends[start - 1] if start else 0
        end = int(np.searchsorted(ends, before + limit, side="right"))
        end = min(max(end, start + 1), start + most)
        yield start, end
        start = end
