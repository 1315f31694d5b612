"""What each row says as plain UTF-8 bytes: its turns joined, letters in one case and one form."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftc.prep.arrays import Bytes, Numbers

_PLAIN = (
    ("\u2018", "'"),
    ("\u2019", "'"),
    ("\u201c", '"'),
    ("\u201d", '"'),
    ("\u00ab", '"'),
    ("\u00bb", '"'),
    ("\u3002", ". "),
    ("\u3001", ", "),
    ("\u300c", '"'),
    ("\u300d", '"'),
    ("\u00bf", ""),
    ("\u00a1", ""),
    ("\u00ad", ""),  # soft hyphen
    ("\u200b", ""),  # zero width
    ("\u200c", ""),
    ("\u200d", ""),
    ("\u2060", ""),
    ("\ufeff", ""),
)
# Thai, Lao, Myanmar, Khmer; kana; Han: written without spaces, so every character is a word.
_SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]"
)


class Texts(NamedTuple):
    """Texts side by side: text i is `data[offsets[i]:offsets[i + 1]]`."""

    data: Bytes
    offsets: Numbers


def whole(column: pa.ChunkedArray) -> pa.Array:
    """A column as one array; `combine_chunks` copies what is one already."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def joined(rows: pa.Table) -> pa.Array:
    """All that each row says, its turns joined by a line break; never null."""
    turns = whole(rows["turns"])
    content = pc.fill_null(pc.struct_field(pc.list_flatten(turns), "content"), "")
    counts = pc.fill_null(pc.list_value_length(turns), 0).to_numpy(zero_copy_only=False)
    return _lines(content, counts)


def parted(rows: pa.Table, texts: pa.Array) -> tuple[pa.Array, pa.Array]:
    """`texts`, what `joined` gives, in two: the system turns, and what is said after them."""
    turns = whole(rows["turns"])
    flat = pc.list_flatten(turns)
    content = pc.fill_null(pc.struct_field(flat, "content"), "")
    system = pc.fill_null(pc.equal(pc.struct_field(flat, "role"), "system"), False)
    if not pc.any(system).as_py():
        return pa.array([""] * rows.num_rows, pa.string()), texts
    owners = pc.list_parent_indices(turns)
    found = []
    for mask in (system, pc.invert(system)):
        mine = owners.filter(mask).to_numpy()
        found.append(_lines(content.filter(mask), np.bincount(mine, minlength=rows.num_rows)))
    return found[0], found[1]


def _lines(content: pa.Array, counts: Numbers) -> pa.Array:
    if counts.size and counts.min() == counts.max() == 1:
        return content
    offsets = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(counts, out=offsets[1:])
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), content), "\n")


def raw(texts: pa.Array) -> Texts:
    """The bytes of a string array as they lie in memory."""
    _, offsets, data = texts.buffers()
    kind = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    found = np.frombuffer(offsets, kind, len(texts) + 1, texts.offset * np.dtype(kind).itemsize)
    numbers = found.astype(np.int64)
    every = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    return Texts(every[numbers[0] : numbers[-1]], numbers - numbers[0])


def plain(texts: pa.Array) -> Texts:
    """Texts as they are compared: one case, NFKC, straight quotes, no invisible characters.

    White space stays as it is: it parts words, however much there is of it. ASCII texts are folded
    as bytes, others in Python.
    """
    found = raw(texts)
    if found.data.size and found.data.max() > 127:
        high = np.flatnonzero(found.data > 127)
        foreign = np.unique(np.searchsorted(found.offsets, high, side="right") - 1)
        mask = np.zeros(len(texts), bool)
        mask[foreign] = True
        folded = [folded_text(text) for text in texts.filter(pa.array(mask)).to_pylist()]
        changed = pa.array(folded, texts.type)
        found = raw(pc.replace_with_mask(texts, pa.array(mask), changed))
    data = found.data
    return Texts(data + ((data - np.uint8(65) < 26) * np.uint8(32)), found.offsets)


def folded_text(text: str) -> str:
    """One text in the form that it is compared in, but for ASCII letters and white space."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    for old, new in _PLAIN:
        text = text.replace(old, new)
    if _SPACELESS.search(text):
        text = _SPACELESS.sub(r" \g<0> ", text)
    return " ".join(text.split())
