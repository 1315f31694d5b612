"""Array types, what numpy lacks for columns of hashes, and the one mixing function for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def mixed(values: Hashes) -> Hashes:
    """Every bit of a value spread over all others: the finaliser of MurmurHash3 (Appleby)."""
    values = values ^ (values >> np.uint64(33))
    values *= np.uint64(0xFF51AFD7ED558CCD)
    values ^= values >> np.uint64(33)
    values *= np.uint64(0xC4CEB9FE1A85EC53)
    values ^= values >> np.uint64(33)
    return values


def firsts(values: npt.NDArray[Any]) -> Truths:
    """Which values are not the same as the one before them."""
    found = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=found[1:])
    return found


def repeated(values: npt.NDArray[Any]) -> Truths:
    """Which values occur more than once."""
    order = np.argsort(values)
    again = ~firsts(values[order])
    found = np.zeros(len(values), bool)
    found[order[again]] = True
    found[order[:-1][again[1:]]] = True
    return found


def different(values: Hashes) -> Hashes:
    """The values in order, each once; much quicker than `np.unique` where few are the same."""
    values = np.sort(values)
    return values[firsts(values)]


def within(counts: Numbers) -> Numbers:
    """0, 1, 2 ... anew for each group, for groups of these sizes side by side."""
    starts = np.cumsum(counts) - counts
    return np.arange(int(counts.sum())) - np.repeat(starts, counts)


def spans(starts: Numbers, counts: Numbers) -> Numbers:
    """The indices from each start on, `counts` of each, side by side."""
    return np.repeat(starts, counts) + within(counts)
