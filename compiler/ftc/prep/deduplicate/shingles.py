"""The set of word n-grams of each row as sorted 48-bit hashes, and a 512-bit picture of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ftc.prep.arrays import Hashes, Numbers, firsts, mixed, spans
from ftc.prep.deduplicate.words import sequences

BITS = 48
PICTURE = 8  # words of 64 bits
_ROWS = 256  # pictures made at a time: what is made on the way stays in a core's cache
_FACTORS = np.uint64(0xD1342543DE82EF95)  # odd; powers of it tell places in an n-gram apart


class Shingles(NamedTuple):
    """Sets side by side: those of row i are `values[offsets[i]:offsets[i + 1]]`, ascending."""

    values: Hashes
    offsets: Numbers


def shingles(words: Hashes, offsets: Numbers, size: int) -> Shingles:
    """n-grams of `size` words of fewer than 32,768 rows; a shorter row is one n-gram, if any.

    Two different n-grams of two rows of 150 words have the same 48 bits once in 10^10 pairs.
    """
    counts = np.diff(offsets)
    grams = np.maximum(counts - size + 1, (counts > 0).astype(np.int64))
    short = np.flatnonzero((counts > 0) & (counts < size))
    full = np.where(counts >= size, grams, 0)
    starts = spans(offsets[:-1], full)
    found = np.zeros(len(starts), np.uint64)
    for place in range(size):
        found = found * _FACTORS + words[starts + place]
    rows = np.repeat(np.arange(len(counts)), full)
    keys = _keys(rows, found)
    if short.size:
        ends = np.concatenate([[0], np.cumsum(counts[short])])
        few = sequences(words[spans(offsets[:-1][short], counts[short])], ends)
        keys = np.concatenate([keys, _keys(short, few)])
    keys.sort()
    keys = keys[firsts(keys)]
    edges = np.arange(len(counts) + 1, dtype=np.uint64) << np.uint64(BITS)
    return Shingles(keys & np.uint64((1 << BITS) - 1), np.searchsorted(keys, edges))


def _keys(rows: Numbers, hashes: Hashes) -> Hashes:
    return (rows.astype(np.uint64) << np.uint64(BITS)) | (mixed(hashes) >> np.uint64(64 - BITS))


def pictures(sets: Shingles) -> Hashes:
    """Per row `PICTURE` words of 64 bits: each n-gram turns one bit over.

    Bits that differ between two rows are at most as many as n-grams that only one of them has, so
    the pictures bound from above what two rows share; `shared_at_most` says how.
    """
    found = np.zeros((len(sets.offsets) - 1, PICTURE), np.uint64)
    for start in range(0, len(found), _ROWS):
        offsets = sets.offsets[start : start + _ROWS + 1]
        values = sets.values[offsets[0] : offsets[-1]]
        some = np.flatnonzero(np.diff(offsets))
        if some.size:
            bits = np.uint64(1) << (values & np.uint64(63))
            part = (values >> np.uint64(6)) & np.uint64(PICTURE - 1)
            for i in range(PICTURE):
                turned = np.bitwise_xor.reduceat(bits * (part == i), (offsets - offsets[0])[some])
                found[start + some, i] = turned
    return found


def shared_at_most(pictures_a: Hashes, pictures_b: Hashes, total: Numbers) -> Numbers:
    """The most n-grams that rows with these pictures can share; `total`: n-grams of both."""
    apart = np.bitwise_count(pictures_a ^ pictures_b).sum(axis=1, dtype=np.int64)
    return np.asarray((total - apart) // 2)
