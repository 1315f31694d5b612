"""64-bit hashes of texts, a whole column at a time, the same on every machine."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftc.prep.arrays import Hashes, Numbers, mixed

_WORDS = 1 << 14  # of 8 bytes that are hashed at a time: what is made of them stays in the cache
_PADS = pa.array(["\0" * (8 - more) for more in range(8)])
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)


def _powers(base: int) -> Hashes:
    found = np.full(_WORDS, base, np.uint64)
    found[0] = 1
    return np.multiply.accumulate(found)


_BASE = 0xD1342543DE82EF95  # odd, so that it has an inverse; Knuth's and Steele's multipliers
_POWERS, _INVERSES = _powers(_BASE), _powers(pow(_BASE, -1, 2**64))
_HEX = np.array([f"{byte:02x}".encode() for byte in range(256)], "S2").view(np.uint16)


def texts(array: pa.Array) -> Hashes:
    """One hash for the bytes of each text of a string array without nulls.

    Each 8 bytes are mixed, and summed up with the powers of an odd number by their place. Two
    texts that were not made to collide have the same hash once in 2^64 pairs, so that there is
    such a pair in one of 37 million files of a million different rows; texts that are the same
    blocks of 8 bytes in another order at most once in 2^48 pairs. No shield against an attacker.
    """
    lengths = pc.binary_length(array).to_numpy(zero_copy_only=False).astype(np.int64)
    long = lengths >= 8 * _WORDS
    if not long.any():
        return _short(array, lengths)
    found = np.empty(len(array), np.uint64)
    found[~long] = _short(array.filter(pa.array(~long)), lengths[~long])
    for i in np.flatnonzero(long).tolist():
        digest = blake2b(memoryview(array[i].as_buffer()), digest_size=8).digest()
        found[i] = np.frombuffer(digest, "<u8")[0]
    return found


def lists(values: Hashes, counts: Numbers) -> Hashes:
    """One hash for each group of values side by side, of these sizes, and for their order."""
    starts = np.cumsum(counts) - counts
    places = (np.arange(len(values)) - np.repeat(starts, counts)).astype(np.uint64)
    found = counts.astype(np.uint64) * _FACTOR
    some = np.flatnonzero(counts)
    if some.size:
        found[some] += np.add.reduceat(mixed(values + places * _FACTOR), starts[some])
    return mixed(found)


def digits(values: Hashes) -> pa.Array:
    """16 hex digits for each value."""
    signs = _HEX[values.astype(">u8").view(np.uint8)]
    offsets = np.arange(0, 16 * len(values) + 1, 16, dtype=np.int32)
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(signs))


def _short(array: pa.Array, lengths: Numbers) -> Hashes:
    """Texts of fewer than 8 * _WORDS bytes; each is filled up to whole words, one at least."""
    padded = pc.binary_join_element_wise(array, _PADS.take(pa.array(lengths & 7)), "")
    _, offsets, data = padded.buffers()
    edges = np.frombuffer(offsets, np.int32, len(array) + 1, 4 * padded.offset) // 8
    words = np.frombuffer(data, "<u8", edges[-1])
    found = np.empty(len(array), np.uint64)
    one, two = np.empty(_WORDS, np.uint64), np.empty(_WORDS, np.uint64)
    start = 0
    while start < len(found):
        end = int(np.searchsorted(edges, edges[start] + _WORDS, side="right")) - 1
        first = edges[start]
        part = words[first : edges[end]]
        mix, shifted = one[: len(part)], two[: len(part)]
        np.right_shift(part, _HALF, out=shifted)
        np.bitwise_xor(part, shifted, out=mix)
        mix *= np.uint64(0xFF51AFD7ED558CCD)
        np.right_shift(mix, _HALF, out=shifted)
        mix ^= shifted
        mix *= _POWERS[: len(part)]
        places = edges[start:end] - first
        found[start:end] = np.add.reduceat(mix, places) * _INVERSES[places]
        start = end
    return mixed(found + (lengths.astype(np.uint64) + np.uint64(1)) * _FACTOR)
