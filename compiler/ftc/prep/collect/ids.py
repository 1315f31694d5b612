"""Ids of rows: a hash of file name, content, and how often that content came before in the file."""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa

from ftc.prep.arrays import Hashes, Numbers, mixed
from ftc.prep.hashing import digits, lists, texts

_MARKS = 22  # bits: 4 MiB, of which a million keys mark a fifth
_REST = np.uint64(64 - _MARKS)
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


class Seen:
    """How often each key was given out in a file, eight bytes each and no Python object."""

    def __init__(self) -> None:
        self._runs: list[Hashes] = []  # sorted; each at least twice as long as the next
        self._marks = np.zeros(1 << _MARKS, bool)  # by first bits: whether there is such a key

    def before(self, keys: Hashes) -> Numbers:
        """How often each of these keys, which are sorted, was added so far."""
        found = np.zeros(len(keys), np.int64)
        perhaps = np.flatnonzero(self._marks[keys >> _REST])
        some = keys[perhaps]
        for run in self._runs if some.size else ():
            counts = np.searchsorted(run, some, "right") - np.searchsorted(run, some, "left")
            found[perhaps] += counts
        return found

    def add(self, keys: Hashes) -> None:
        """Add keys, which are sorted, the same one as often as it stands there."""
        self._marks[keys >> _REST] = True
        self._runs.append(keys)
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            last = self._runs.pop()
            self._runs[-1] = np.sort(np.concatenate([self._runs[-1], last]), kind="stable")


def ids(turns: pa.ListArray, name: str, seen: Seen) -> pa.Array:
    """16 hex digits for each row of the file of this name; its turns are no slice of others."""
    keys = _keys(turns, name)
    ordered = np.sort(keys)
    numbers = seen.before(ordered)
    seen.add(ordered)
    again = np.flatnonzero(ordered[1:] == ordered[:-1]) + 1
    if again.size or numbers.any():
        first = np.arange(len(keys))
        first[again] = 0
        numbers += np.arange(len(keys)) - np.maximum.accumulate(first)
        numbered = mixed(ordered + numbers.astype(np.uint64) * _FACTOR)
        keys[np.argsort(keys, kind="stable")] = np.where(numbers > 0, numbered, ordered)
    return digits(keys)


def _keys(turns: pa.ListArray, name: str) -> Hashes:
    """The same for rows of the same turns, and for no others but once in 2^64 pairs."""
    roles = turns.values.field(0).dictionary_encode()
    kinds = np.array([_hash(role) for role in roles.dictionary.to_pylist()], np.uint64)
    contents = texts(turns.values.field(1)) ^ mixed(kinds + _FACTOR)[roles.indices.to_numpy()]
    counts = np.diff(turns.offsets.to_numpy()).astype(np.int64)
    return mixed(lists(contents, counts) ^ np.uint64(_hash(name)))


@cache
def _hash(name: str) -> int:
    return int(texts(pa.array([name], pa.string()))[0])
