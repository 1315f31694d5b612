"""How good a row is beside its duplicates: whole sentences, no damage, then richer, then longer."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftc.prep.arrays import Bytes, Numbers, Truths
from ftc.prep.deduplicate.texts import Texts

_TAIL = 32  # bytes at a text's end that are looked at
# A sentence's end in UTF-8, the ellipsis and Chinese marks too; then quotes and brackets.
_WHOLE = (
    r"(?:[.!?]|\xe2\x80\xa6|\xe3\x80\x82|\xef\xbc\x81|\xef\xbc\x9f)"
    r"(?:[\"')\]}*`\s]|\xe2\x80[\x99\x9d]|\xc2\xbb|\xe3\x80\x8d)*$"
)
_MOST = 3  # faults of a kind that count


def points(texts: Texts) -> Numbers:
    """Points of each text; weights are judgment.

    8 for an end that ends a sentence (none: it may be cut); 1 for a first letter that is no small
    letter; -2 for an end in capitals; -4 for each piece of mojibake or lost character; -2 for each
    placeholder such as `[EMAIL_1]` or `<NAME>`; at most 3 of each kind count.
    """
    data, offsets = texts
    tails = _tails(data, offsets)
    found = 8 * _whole(tails).astype(np.int64)
    capitals = ((tails >= ord("A")) & (tails <= ord("Z"))).sum(axis=1)
    small = ((tails >= ord("a")) & (tails <= ord("z"))).sum(axis=1)
    found -= 2 * (capitals > small)
    if data.size:
        first = data[np.minimum(offsets[:-1], data.size - 1)]
        found += (first < ord("a")) | (first > ord("z"))
    found -= 4 * np.minimum(_count(_damage(data), offsets), _MOST)
    found -= 2 * np.minimum(_count(_placeholders(data), offsets), _MOST)
    return found


def _tails(data: Bytes, offsets: Numbers) -> Bytes:
    """The last bytes of each text, spaces before a shorter one."""
    places = offsets[1:, None] - np.arange(_TAIL, 0, -1)
    inside = places >= offsets[:-1, None]
    if not data.size:
        return np.full(places.shape, 32, np.uint8)
    return np.where(inside, data[np.maximum(places, 0)], np.uint8(32))


def _whole(tails: Bytes) -> Truths:
    kind = pa.binary(_TAIL)
    array = pa.FixedSizeBinaryArray.from_buffers(
        kind, len(tails), [None, pa.py_buffer(np.ascontiguousarray(tails))]
    )
    found = pc.match_substring_regex(array.cast(pa.binary()), _WHOLE)
    return np.asarray(found.to_numpy(zero_copy_only=False), bool)


def _count(places: Numbers, offsets: Numbers) -> Numbers:
    """How many of these places lie in each text."""
    edges = np.searchsorted(places, offsets)
    counts: Numbers = edges[1:] - edges[:-1]
    return counts


def _damage(data: Bytes) -> Numbers:
    """Where a text has UTF-8 read as cp1252 or latin-1 (Ã©, Â°, â€™), or U+FFFD."""
    lead = np.flatnonzero((data == 0xC3) | (data == 0xEF))
    lead = lead[lead + 3 < data.size]
    if not lead.size:
        return lead
    second, third, fourth = (data[lead + i] for i in (1, 2, 3))
    latin = (data[lead] == 0xC3) & ((second == 0x82) | (second == 0x83)) & (third == 0xC2)
    euro = (data[lead] == 0xC3) & (second == 0xA2) & (third == 0xE2) & (fourth == 0x82)
    lost = (data[lead] == 0xEF) & (second == 0xBF) & (third == 0xBD)
    found: Numbers = lead[latin | euro | lost]
    return found


def _placeholders(data: Bytes) -> Numbers:
    """Where an opening bracket stands before two capitals."""
    opening = (data == ord("[")) | (data == ord("<")) | (data == ord("{"))
    places = np.flatnonzero(opening)
    places = places[places + 2 < data.size]
    one, two = data[places + 1] - np.uint8(65), data[places + 2] - np.uint8(65)
    return places[(one < 26) & (two < 26)]
