"""Words of plain texts as 64-bit hashes, a whole batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from ftc.prep.arrays import Bytes, Hashes, Numbers, Truths, mixed, within
from ftc.prep.deduplicate.texts import Texts

CHUNK = 1 << 18  # bytes of text at a time: what is made of them stays in a core's cache
_LONG = 256  # bytes of a word that are hashed by 8s, all words at once
_STRIPPED = 16  # characters of punctuation that are taken off the end of a word
_SPACE = np.uint8(32)
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_MASKS = np.array([(1 << (8 * n)) - 1 for n in range(9)], np.uint64)


def _bytes(characters: str) -> Truths:
    table = np.zeros(256, bool)
    table[list(characters.encode())] = True
    return table


_CLOSING = _bytes('.,;:?!"')
_LETTER = _bytes("abcdefghijklmnopqrstuvwxyz") | (np.arange(256) > 127)


class Words(NamedTuple):
    """Words side by side: those of row i are at `offsets[i]` up to `offsets[i + 1]`.

    `whole` are words as they stand between white space; `bare` the same without punctuation at
    their ends, 0 where nothing is left.
    """

    whole: Hashes
    bare: Hashes
    offsets: Numbers


def chunks(texts: Texts) -> Iterator[tuple[int, int]]:
    """Ranges of rows of about `CHUNK` bytes, at least one row each, of fewer than 32,768 rows."""
    offsets = texts.offsets
    start, count = 0, len(offsets) - 1
    while start < count:
        end = int(np.searchsorted(offsets, offsets[start] + CHUNK, side="right")) - 1
        end = min(max(end, start + 1), start + (1 << 15) - 1, count)
        yield start, end
        start = end


def words(texts: Texts, start: int, end: int) -> Words:
    """The words of rows `start` up to `end`."""
    offsets = texts.offsets[start : end + 1] - texts.offsets[start]
    data = np.zeros(int(offsets[-1]) + 16, np.uint8)  # 8 bytes may be read past the end
    data[: offsets[-1]] = texts.data[texts.offsets[start] : texts.offsets[end]]
    first, last = _edges(data, offsets)
    whole = _hashes(data, first, last)
    bare = whole.copy()
    marked = np.flatnonzero(_CLOSING[data[last - 1]] | (data[first] == ord('"')))
    if marked.size:
        inner, outer = _stripped(data, first[marked], last[marked])
        bare[marked] = np.where(outer > inner, _hashes(data, inner, outer), np.uint64(0))
    return Words(whole, bare, np.searchsorted(first, offsets))


def sequences(hashes: Hashes, offsets: Numbers) -> Hashes:
    """One hash for the words of each row and their order; zeros are left out; empty rows give 0."""
    counts = np.diff(offsets)
    if not hashes.all():
        kept = hashes != 0
        running = np.concatenate([[0], np.cumsum(kept)])
        counts = np.diff(running[offsets])
        hashes = hashes[kept]
    found = np.zeros(len(counts), np.uint64)
    some = np.flatnonzero(counts)
    if some.size:
        placed = mixed(hashes + within(counts).astype(np.uint64) * _FACTOR)
        found[some] = np.add.reduceat(placed, (np.cumsum(counts) - counts)[some])
    return found


def _edges(data: Bytes, offsets: Numbers) -> tuple[Numbers, Numbers]:
    """First byte of each word and the byte after its last; a row's end ends a word."""
    dark = data > _SPACE
    dark[offsets[-1] :] = False
    first = dark.copy()
    first[1:] &= ~dark[:-1]
    first[offsets] = dark[offsets]
    last = dark.copy()
    last[:-1] &= ~dark[1:]
    ends = offsets[offsets > 0] - 1
    last[ends] = dark[ends]
    return np.flatnonzero(first), np.flatnonzero(last) + 1


def _stripped(data: Bytes, first: Numbers, last: Numbers) -> tuple[Numbers, Numbers]:
    """Words without a quote before them and punctuation after them.

    What may be mathematics stays: brackets, a point before a number, `!` after a number or a
    single letter.
    """
    first = first + (data[first] == ord('"'))
    for _ in range(_STRIPPED):
        ending = data[np.maximum(last - 1, 0)]
        factorial = (ending == ord("!")) & ~(
            (last - first > 2)
            & (_LETTER[data[np.maximum(last - 2, 0)]] | _CLOSING[data[np.maximum(last - 2, 0)]])
        )
        closing = (last > first) & _CLOSING[ending] & ~factorial
        if not closing.any():
            break
        last = last - closing
    return first, last


def _hashes(data: Bytes, first: Numbers, last: Numbers) -> Hashes:
    eights: Hashes = np.ndarray(len(data) - 7, "<u8", data.data, strides=(1,))  # one at every byte
    lengths = last - first
    hashes = mixed(
        (eights[first] & _MASKS[np.clip(lengths, 0, 8)]) + lengths.astype(np.uint64) * _FACTOR
    )
    more = np.flatnonzero(lengths > 8)
    for done in range(8, _LONG, 8):
        if not more.size:
            return hashes
        left = lengths[more] - done
        part = eights[first[more] + done] & _MASKS[np.minimum(left, 8)]
        hashes[more] = mixed(hashes[more] * _FACTOR + part)
        more = more[left > 8]
    for i in more.tolist():
        digest = blake2b(data[first[i] : last[i]].tobytes(), digest_size=8).digest()
        hashes[i] = np.frombuffer(digest, "<u8")[0]
    return hashes
