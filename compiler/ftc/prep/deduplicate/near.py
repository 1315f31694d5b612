"""Near duplicates: pairs that share rare n-grams, verified, joined to groups, settled."""

from __future__ import annotations

import numpy as np

from ftc.prep.arrays import Floats, Hashes, Numbers, Truths, different
from ftc.prep.deduplicate.candidates import Buckets, buckets, narrowed, pairs
from ftc.prep.deduplicate.groups import Dropped, settled, united
from ftc.prep.deduplicate.overlap import HELD, Held, Known, hold, jaccard, jaccards, possible

_DISTANCES = (
    (1, 1),
    (2, 4),
    (5, 16),
    (17, 64),
    (65, 1 << 30),
)  # between looks at what is joined already
_WAITING = 1 << 21  # pairs that wait to be verified


def groups(known: Known, alive: Truths, threshold: float) -> Numbers:
    """A label for each row: rows of one label are alike, directly or through others."""
    labels = np.arange(len(alive))
    found = buckets(known, alive, threshold)
    done = 0
    for nearest, furthest in _DISTANCES:
        if done:
            found = narrowed(found, labels, done)
        labels = _linked(known, labels, found, (nearest, furthest), threshold)
        done = furthest
    return labels


def drops(
    known: Known, labels: Numbers, members: Numbers, fixed: Truths, threshold: float
) -> tuple[Dropped, int]:
    """Which of the members go; as `groups.settled`, by real Jaccard."""
    parts, unsettled = [], 0
    for chosen in _portions(known, labels, members):
        held = hold(known, np.sort(chosen))

        def measure(a: Numbers, b: Numbers, held: Held = held) -> Floats:
            found = np.zeros(len(a))
            some = np.flatnonzero(possible(known, a, b, threshold))
            found[some] = jaccard(known, held, a[some], b[some])
            return found

        part, rest = settled(labels, chosen, fixed, measure, threshold)
        parts.append(part)
        unsettled += rest
    empty = Dropped(members[:0], members[:0], np.zeros(0))
    joined = (np.concatenate(columns) for columns in zip(empty, *parts, strict=True))
    return Dropped(*joined), unsettled


def _linked(
    known: Known, labels: Numbers, found: Buckets, distances: tuple[int, int], threshold: float
) -> Numbers:
    waiting: list[Hashes] = []
    count = 0
    for a, b in pairs(found, *distances):
        chosen = np.flatnonzero(labels[a] != labels[b])
        chosen = chosen[possible(known, a[chosen], b[chosen], threshold)]
        keys = different((a[chosen].view(np.uint64) << np.uint64(32)) | b[chosen].view(np.uint64))
        waiting.append(keys)
        count += len(keys)
        if count > _WAITING:
            labels = _verified(known, labels, waiting, threshold)
            waiting, count = [], 0
    return _verified(known, labels, waiting, threshold)


def _verified(known: Known, labels: Numbers, waiting: list[Hashes], threshold: float) -> Numbers:
    if not waiting:
        return labels
    keys = different(np.concatenate(waiting))
    a, b = (keys >> np.uint64(32)).astype(np.int64), (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)
    alike = jaccards(known, a, b) >= threshold
    return united(labels, a[alike], b[alike])


def _portions(known: Known, labels: Numbers, members: Numbers) -> list[Numbers]:
    """Members in whole groups, as many at a time as have room in memory, in the order given."""
    if not members.size:
        return []
    names, group = np.unique(labels[members], return_inverse=True)
    sizes = np.zeros(len(names), np.int64)
    np.add.at(sizes, group, known.grams[members])
    portion = ((np.cumsum(sizes) - 1) // HELD)[group]
    return [members[portion == i] for i in np.unique(portion)]
