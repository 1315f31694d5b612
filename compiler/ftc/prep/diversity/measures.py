"""What can be counted in many texts at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Khmer}\p{Lao}\p{Myanmar}]"
LETTERS_A_WORD = 1.6  # of scripts without spaces; judgment


def words(texts: pa.Array) -> npt.NDArray[np.float64]:
    """Words of each text: runs of bytes without a space; 0 when it is empty."""
    if not len(texts):
        return np.zeros(0)
    starts, data = _bytes(texts)
    space = data <= ord(" ")
    begins = ~space
    begins[1:] &= space[:-1]
    firsts = starts[:-1][starts[:-1] < starts[1:]]
    begins[firsts] = ~space[firsts]
    found = np.diff(np.searchsorted(np.flatnonzero(begins), starts)).astype(np.float64)
    wide = pc.utf8_length(texts).to_numpy(zero_copy_only=False) < np.diff(starts)
    if wide.any():
        found[wide] += matches(texts.filter(pa.array(wide)), UNSPACED) / LETTERS_A_WORD
    return found


def _bytes(texts: pa.Array) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Where each text starts and the last one ends in their bytes, and these bytes."""
    _, offsets, data = texts.buffers()
    span = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    held = np.frombuffer(data or b"", np.uint8)[span[0] : span[-1]]
    return span - span[0], held


def counted(texts: pa.Array, part: str) -> npt.NDArray[np.int64]:
    """How often `part` occurs in each text."""
    return _numbers(pc.count_substring(texts, part))


def matches(texts: pa.Array, pattern: str) -> npt.NDArray[np.int64]:
    """How often a pattern of RE2 occurs in each text, in any case of letters."""
    return _numbers(pc.count_substring_regex(texts, pattern, ignore_case=True))


def having(texts: pa.Array, pattern: str, *, cased: bool = False) -> npt.NDArray[np.bool_]:
    """Which texts a pattern of RE2 occurs in."""
    found = pc.match_substring_regex(texts, pattern, ignore_case=not cased)
    return np.asarray(found.to_numpy(zero_copy_only=False), np.bool_)


def _numbers(found: pa.Array) -> npt.NDArray[np.int64]:
    return np.asarray(found.to_numpy(zero_copy_only=False), np.int64)
