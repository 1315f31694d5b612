"""The eval items made ready for a search: their words, what may differ, and where to look."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import comb, log2
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ftc.prep.decontaminate.words import Ints, Keys, split

GRAM = 6  # words of an anchor at most, or
LONG = (12, 24, 48)  # where a part of an item is so long: it tells little, like 0 0 0 1 0 0
CHANCE = 1e-2  # finds with edits per row without an item, at most: a judgment. The words of a
# chance find tell less than `bits` says, so that in made texts 0.01 % of rows are found by chance
ROW = 150  # words of the row that `CHANCE` is said of
BITS = 13.0  # what one word tells at most: one in 8,192; a judgment, samples hold rarer ones
SLOTS = 1 << 22  # of the first look; 4 MB
_GROW = np.uint64(0x2545F4914F6CDD1D)  # odd multiplier of Marsaglia's xorshift64*


class Anchors(NamedTuple):
    """Grams of one length, sorted: which item each is of, and where in the item it begins.

    `slots` says for the upper bits of a gram whether one of the anchors has them.
    """

    grams: Keys
    item: Ints
    place: Ints
    slots: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Index:
    """`words[i, :lengths[i]]` are the keys of item i, 0 behind them; at most `edits[i]` words are
    replaced, left out or put in between. `sure[i, d]`: the bits that are left of item i when its
    d most telling words are not in the row."""

    words: Keys
    lengths: Ints
    edits: Ints
    bits: npt.NDArray[np.float64]  # of each word after the one before
    anchors: dict[int, Anchors]  # by length
    base: float  # bits that a find needs for not being chance

    def needed(self, length: int, edits: int) -> float:
        """Bits that a find with so many edits needs: there are as many more ways to be found."""
        return self.base + log2(comb(length, edits) * 3**edits)


def build(texts: Sequence[str], edits: float) -> Index:
    """An index of items of at least 2 words each; `edits` is the share that may differ."""
    keys, starts = split(texts)
    lengths = np.diff(starts) - 1
    words = np.zeros((len(texts), int(lengths.max())), np.uint64)
    inside = np.arange(words.shape[1]) < lengths[:, None]
    words[inside] = keys[keys != 0]
    bits = np.zeros(words.shape)
    bits[inside] = _surprise(keys)[keys != 0]
    base = log2(len(texts) * ROW / CHANCE)
    index = Index(words, lengths, np.zeros(len(texts), np.int64), bits, {}, base)
    if edits:
        index.edits[:] = [_allowed(index, i, edits) for i in range(len(texts))]
    index.anchors.update(_anchors(index))
    return index


def grams(keys: Keys, lengths: Collection[int]) -> dict[int, Keys]:
    """The grams of each length that is asked for, one for every word that one can begin at.

    Words stand along the last axis. Lengths are 1 to GRAM, or of LONG.
    """
    longest = max(lengths, default=0)
    found = {1: keys}
    for length in range(2, min(longest, GRAM) + 1):
        found[length] = found[length - 1][..., :-1] * _GROW + keys[..., length - 1 :]
    for length in LONG:
        if length <= longest:
            half = found[length // 2]
            power = np.uint64(pow(int(_GROW), length // 2, 1 << 64))
            found[length] = half[..., : -length // 2] * power + half[..., length // 2 :]
    return {length: found[length] for length in lengths}


def slots(gram: Keys) -> Ints:
    """Where grams stand in `Anchors.slots`: their upper bits."""
    return (gram >> np.uint64(64 - (SLOTS - 1).bit_length())).view(np.int64)


def _surprise(keys: Keys) -> npt.NDArray[np.float64]:
    """Bits of each word after the one before it, as far as the other items tell.

    -log2 of the share of the pair among those with the same first word, or of the word among all,
    the occurrence itself left out.
    """
    _, word, counts = np.unique(keys, return_inverse=True, return_counts=True)
    seen = counts[word]
    total = np.count_nonzero(keys)
    alone = (seen - 1 + 0.5) / total
    pairs = word[:-1].astype(np.int64) * len(counts) + word[1:]
    _, pair, pair_counts = np.unique(pairs, return_inverse=True, return_counts=True)
    after = np.zeros(len(keys))
    after[1:] = pair_counts[pair] - 1
    before = np.zeros(len(keys))
    before[1:] = np.where(keys[:-1] == 0, 0, seen[:-1] - 1)
    after[1:] *= keys[:-1] != 0
    share = (after + alone) / (before + 1)
    return np.minimum(-np.log2(share), BITS)


def _allowed(index: Index, i: int, edits: float) -> int:
    """The most edits with which item i could still be told from chance."""
    length = int(index.lengths[i])
    kept = np.sort(index.bits[i, :length])[::-1].cumsum()
    for count in range(max(1, int(edits * length)), 0, -1):
        if count < length and kept[length - count - 1] >= index.needed(length, count):
            return count
    return 0


def _anchors(index: Index) -> dict[int, Anchors]:
    """Grams of which one is in every row that holds an item: of edits + 1 parts of the item one
    is untouched. All parts tell about as much; of a long one the most telling words are taken."""
    found: dict[int, list[tuple[int, int]]] = {}
    for i, (length, edits) in enumerate(zip(index.lengths, index.edits, strict=True)):
        sums = np.concatenate([[0], index.bits[i, :length].cumsum()])
        for start, end in pairwise(_cuts(sums, int(edits) + 1)):
            size = max(size for size in (*range(1, GRAM + 1), *LONG) if size <= end - start)
            telling = sums[start + size : end + 1] - sums[start : end - size + 1]
            found.setdefault(size, []).append((i, start + int(np.argmax(telling))))
    return {size: _lookup(index, size, places) for size, places in sorted(found.items())}


def _cuts(sums: npt.NDArray[np.float64], parts: int) -> list[int]:
    """Where parts begin and end that tell about as much and have two words each, if they can."""
    length = len(sums) - 1
    least = min(length // parts, 2)
    cuts = [0]
    for part in range(1, parts):
        cut = int(np.searchsorted(sums, sums[-1] * part / parts))
        cuts.append(min(max(cut, cuts[-1] + least), length - least * (parts - part)))
    return [*cuts, length]


def _lookup(index: Index, size: int, places: list[tuple[int, int]]) -> Anchors:
    item, place = np.array(places, np.int64).T
    parts = index.words[item[:, None], place[:, None] + np.arange(size)]
    gram = grams(parts, [size])[size][:, 0]
    order = np.argsort(gram, kind="stable")
    gram = gram[order]
    filled = np.zeros(SLOTS, np.bool_)
    filled[slots(gram)] = True
    return Anchors(gram, item[order], place[order], filled)
