"""Which rows hold which eval items: anchors are looked up, then the words around are compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ftc.prep.decontaminate.index import Index, grams, slots
from ftc.prep.decontaminate.words import Ints, Words

Flags = npt.NDArray[np.bool_]

_WORDS = 1 << 16  # looked up at once: arrays of 8 bytes each stay in the processor's cache
_HITS = 1 << 20  # of anchors, waiting to be compared
_PAIRS = 1 << 15  # compared at once
_STEP = np.int16(64)  # an edit in `_compare`; more than the places at which an item can begin


class Found(NamedTuple):
    """Pairs of a row and an item that it holds: the words [start, end) of the row, and edits."""

    row: Ints
    item: Ints
    start: Ints
    end: Ints
    edits: Ints


def find(words: Words, index: Index) -> Found:
    """The best place of every item in every row that holds it, in the order of rows and items."""
    none = np.zeros(0, np.int64)
    parts = [Found(none, none, none, none, none)]
    for at, item in _candidates(words, index):
        parts += [_compare(words, index, at[i], item[i]) for i in _alike(index, item)]
    row, item, start, end, edits = (np.concatenate(list(p)) for p in zip(*parts, strict=True))
    order = np.lexsort((start, edits, item, row))
    new = np.ones(len(order), np.bool_)
    new[1:] = (np.diff(row[order]) != 0) | (np.diff(item[order]) != 0)
    best = Found(*(column[order[new]] for column in (row, item, start, end, edits)))
    best = Found(*(column[_told(words, index, best)] for column in best))
    first = words.starts[best.row]
    return best._replace(start=best.start - first, end=best.end - first)


def _candidates(words: Words, index: Index) -> Iterator[tuple[Ints, Ints]]:
    """Where an item would begin if its anchor stood where it should, and the item; in parts, for
    grams that many items share can be many times in a row."""
    before, total = int(index.lengths.max()), len(index.lengths)
    waiting: list[Ints] = []
    for at, item in _hits(words, index):
        waiting.append((at + before) * total + item)
        if sum(map(len, waiting)) >= _HITS:
            pairs = np.unique(np.concatenate(waiting))
            yield pairs // total - before, pairs % total
            waiting = []
    pairs = np.unique(np.concatenate([np.zeros(0, np.int64), *waiting]))
    yield pairs // total - before, pairs % total


def _hits(words: Words, index: Index) -> Iterator[tuple[Ints, Ints]]:
    longest = max(index.anchors)
    for offset in range(0, len(words.keys), _WORDS):
        part = words.keys[offset : offset + _WORDS + longest - 1]
        for size, gram in grams(part, index.anchors.keys()).items():
            anchors = index.anchors[size]
            gram = gram[:_WORDS]
            maybe = np.flatnonzero(anchors.slots.take(slots(gram)))
            first = np.searchsorted(anchors.grams, gram[maybe])
            known = anchors.grams.take(first, mode="clip") == gram[maybe]
            maybe, first = maybe[known], first[known]
            count = np.searchsorted(anchors.grams, gram[maybe], "right") - first
            for start, end in _slices(count):
                some = count[start:end]
                hit = np.repeat(np.arange(start, end), some)
                nth = np.arange(len(hit)) - np.repeat(np.cumsum(some) - some, some)
                anchor = first[hit] + nth
                yield maybe[hit] + offset - anchors.place[anchor], anchors.item[anchor]


def _slices(count: Ints) -> Iterator[tuple[int, int]]:
    """Parts whose counts add up to `_HITS` at most, or of one place."""
    ends = np.cumsum(count)
    start = 0
    while start < len(count):
        most = int(ends[start] - count[start]) + _HITS
        end = max(int(np.searchsorted(ends, most, "right")), start + 1)
        yield start, end
        start = end


def _alike(index: Index, item: Ints) -> Iterator[Ints]:
    """Places of pairs that may have equally many edits, the longest items first."""
    order = np.lexsort((-index.lengths[item], index.edits[item]))
    changes = np.flatnonzero(np.diff(index.edits[item][order])) + 1
    for group in np.split(order, changes):
        for start in range(0, len(group), _PAIRS):
            yield group[start : start + _PAIRS]


def _compare(words: Words, index: Index, at: Ints, item: Ints) -> Found:
    """Pairs within the edits that their items may have, by edit distance in a band.

    All pairs share the number of edits, and longer items stand first. Every place of the band
    carries cost * _STEP + where the item began, so that one minimum finds both.
    """
    edits = int(index.edits[item[0]])
    lengths = index.lengths[item]
    middle = np.clip(at + lengths // 2, 0, len(words.keys) - 1)  # in the row of the find, if any
    row = np.searchsorted(words.starts, middle, "right") - 1
    longest = int(lengths[0])
    texts = _around(words, at, row, longest + 2 * edits, edits)
    band = np.arange(2 * edits + 1, dtype=np.int16)[:, None]
    best = np.repeat(band, len(at), 1)
    for k in range(longest):
        active = int(np.searchsorted(-lengths, -k))
        last = best[:, :active]
        other = texts[k : k + len(band), :active] != index.words[item[:active], k]
        now = last + other.view(np.int8) * _STEP  # the same word, or one replaced
        now[:-1] = np.minimum(now[:-1], last[1:] + _STEP)  # left out of the row
        for place in range(1, len(band)):  # put into the row
            now[place] = np.minimum(now[place], now[place - 1] + _STEP)
        best[:, :active] = now
    place = np.argmin(best, 0)
    least = best[place, np.arange(len(at))].astype(np.int64)
    start = at + least % _STEP - edits
    end = at + lengths + place - edits
    least //= _STEP
    near = np.flatnonzero(least <= edits)
    return Found(*(column[near] for column in (row, item, start, end, least)))


def _around(words: Words, at: Ints, row: Ints, width: int, edits: int) -> npt.NDArray[np.uint64]:
    """`width` words of the row from `edits` before each place on; 0 outside the row."""
    places = at + (np.arange(width) - edits)[:, None]
    inside = (places >= words.starts[row]) & (places < words.starts[row + 1])
    return np.where(inside, words.keys[np.where(inside, places, 0)], np.uint64(0))


def _told(words: Words, index: Index, found: Found) -> Flags:
    """Whether each pair is no chance: the item is whole, or what is left of it tells enough."""
    told: Flags = found.edits == 0
    for i in np.flatnonzero(~told):
        item, edits = int(found.item[i]), int(found.edits[i])
        length = int(index.lengths[item])
        bits = index.bits[item, :length]
        needed = index.needed(length, edits)
        if bits.sum() - np.sort(bits)[-edits:].sum() < needed:
            there = words.keys[found.start[i] : found.end[i]].tolist()
            bits = bits[_kept(index.words[item, :length].tolist(), there)]
        told[i] = bits.sum() >= needed
    return told


def _kept(item: Sequence[int], there: Sequence[int]) -> list[int]:
    """Places of the item's words that stand in the row in the same order."""
    blocks = SequenceMatcher(None, item, there, autojunk=False).get_matching_blocks()
    return [block.a + i for block in blocks for i in range(block.size)]
