"""Rows that belong together, and which groups of them are held out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]


def names(rows: Numbers, keys: Keys, count: int) -> Keys:
    """The name of the group of each of `count` rows: the smallest key in it.

    Row `rows[i]` has the key `keys[i]`; rows that have a key in common, directly or through other
    rows, are one group. Every row has a key.
    """
    _, key = np.unique(keys, return_inverse=True)
    labels = np.arange(count)
    while True:
        smallest = np.full(int(key.max(initial=-1)) + 1, count)
        np.minimum.at(smallest, key, labels[rows])
        found = labels.copy()
        np.minimum.at(found, rows, smallest[key])
        if np.array_equal(found, labels):
            break
        labels = found
    name = np.full(count, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(name, labels[rows], keys)
    return name[labels]


def held_out(groups: Keys, share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Which rows are held out: round(share x rows), at least one where there are two groups.

    Groups are held out whole, in an order that depends on their names and the seed, so fewer rows
    when they do not fit; the smallest group when none does; none when all rows are one group.
    """
    held = np.zeros(len(groups), bool)
    found, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if share <= 0 or len(found) < 2:
        return held
    wanted = min(max(round(share * len(groups)), 1), len(groups) - 1)
    ranked = np.argsort(_mixed(found, seed), kind="stable")
    chosen = np.zeros(len(found), bool)
    room = wanted
    for i in ranked.tolist():
        if sizes[i] <= room:
            chosen[i] = True
            room -= int(sizes[i])
        if not room:
            break
    if not chosen.any():
        chosen[ranked[np.argmin(sizes[ranked])]] = True
    return np.asarray(chosen[group])


def _mixed(keys: Keys, seed: int) -> Keys:
    """Keys in another, seeded order: the finaliser of SplitMix64 (Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        mixed = keys + np.uint64(0x9E3779B97F4A7C15) * np.uint64(seed + 1)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))
