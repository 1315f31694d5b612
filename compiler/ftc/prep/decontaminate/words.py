"""Words of many texts as 64-bit numbers: case, punctuation and Unicode spelling do not matter.

A character of a script that is written without spaces is a word of its own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8] | npt.NDArray[np.uint32]
BETWEEN = np.uint64(0)  # stands between two texts; no word has it, but for one in 2 ** 64

_CHARACTERS = 1 << 18  # handled at once: arrays of 8 bytes each stay in the processor's cache
_NOTHING, _LETTER, _SINGLE, _LEFT_OUT = 0, 1, 2, 3
_LEFT_OUT_SIGNS = "'`\u2018\u2019\u02bc"  # don't is dont, with any apostrophe
_ACUTE = "\u00b4"  # written for an apostrophe; NFKC makes a space of it
_UNSPACED = (  # blocks of scripts that are written without spaces
    *((0x0E00, 0x0F00), (0x1000, 0x10A0), (0x1780, 0x1800)),  # Thai, Lao, Burmese, Khmer
    *((0x3040, 0x3130), (0x31A0, 0x3200), (0x3400, 0x4DC0)),  # kana, bopomofo, Han
    *((0x4E00, 0xA000), (0xF900, 0xFB00), (0x20000, 0x40000)),  # Han
)
_ASCII_WORD = re.compile(r"[A-Za-z0-9]+(?:['`]+[A-Za-z0-9]+)*")
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that its powers have inverses modulo 2 ** 64
_BACK = np.uint64(pow(0x9E3779B97F4A7C15, -1, 1 << 64))
_STIR = np.uint64(0xD6E8FEB86659FD93)  # odd multiplier of Wang Yi's and others' mixers


class Words(NamedTuple):
    """Words of all texts in one row, `BETWEEN` after each text; text i begins at `starts[i]`.

    `starts` has one entry more than there are texts.
    """

    keys: Keys
    starts: Ints


def split(texts: Sequence[str]) -> Words:
    """The words of texts, in the order of the texts."""
    keys, starts = [np.zeros(0, np.uint64)], [np.zeros(1, np.int64)]
    total = 0
    for chunk in _chunks(texts):
        found, ends = _ordered(chunk)
        keys.append(found)
        starts.append(ends + total)
        total += len(found)
    return Words(np.concatenate(keys), np.concatenate(starts))


def _ordered(texts: Sequence[str]) -> tuple[Keys, Ints]:
    """Keys of the words of texts, and where each text ends.

    Texts of ASCII alone take half the time; so they are not handled together with others.
    """
    plain = np.fromiter(map(str.isascii, texts), np.bool_, len(texts))
    if plain.all() or not plain.any():
        return _hashed(*_coded(texts))
    order = np.argsort(~plain, kind="stable")
    first, second = order[plain[order]], order[~plain[order]]
    parts = [_hashed(*_coded([texts[i] for i in part])) for part in (first, second)]
    lengths = np.zeros(len(texts), np.int64)
    lengths[order] = np.concatenate([np.diff(ends, prepend=0) for _, ends in parts])
    ends = np.cumsum(lengths)
    there = np.cumsum(lengths[order])
    shift = np.zeros(len(texts), np.int64)
    shift[order] = there - lengths[order]
    shift -= ends - lengths
    keys = np.concatenate([keys for keys, _ in parts])
    return keys[np.arange(len(keys)) + np.repeat(shift, lengths)], ends


def unspaced(text: str) -> int:
    """How many of a text's words are single characters."""
    return 0 if text.isascii() else int(np.count_nonzero(_coded([text])[1] == _SINGLE)) - 1


def spans(text: str, end: int | None = None) -> list[tuple[int, int]]:
    """Where each word of a text starts and ends, in characters, as `split` counts words.

    Only the first `end` words when it is given. Characters are judged one by one: beside rare
    compositions the number of words is the same.
    """
    if text.isascii():
        return [match.span() for match in islice(_ASCII_WORD.finditer(text), end)]
    found: list[tuple[int, int]] = []
    before = _NOTHING
    for place, sign in enumerate(text.replace(_ACUTE, "'")):
        for kind in _kinds_of(sign):
            if kind == _SINGLE or (kind == _LETTER and before != _LETTER):
                if len(found) == end:
                    return found
                found.append((place, place + 1))
            elif kind == _LETTER:
                found[-1] = (found[-1][0], place + 1)
            if kind != _LEFT_OUT:
                before = kind
    return found


def _chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    start = size = 0
    for i, text in enumerate(texts):
        size += len(text) + 1
        if size > _CHARACTERS:
            yield texts[start : i + 1]
            start, size = i + 1, 0
    if start < len(texts):
        yield texts[start:]


def _coded(texts: Sequence[str]) -> tuple[Codes, npt.NDArray[np.uint8]]:
    """Folded characters and their kinds, without those left out; 0 after each text, and no more."""
    whole = "\0".join([*texts, ""])
    if whole.count("\0") > len(texts):
        whole = "\0".join([*(text.replace("\0", " ") for text in texts), ""])
    if whole.isascii():
        plain = np.frombuffer(whole.encode().translate(*_ascii()), np.uint8)
        return plain, _kinds()[plain]
    folded = unicodedata.normalize("NFKC", whole.replace(_ACUTE, "'")).casefold()
    codes = np.frombuffer(folded.encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds = _kinds()[codes]
    kept = kinds != _LEFT_OUT
    return codes[kept], kinds[kept]


def _hashed(codes: Codes, kinds: npt.NDArray[np.uint8]) -> tuple[Keys, Ints]:
    """Keys of words, and where each text ends, `BETWEEN` included.

    A word's key is a polynomial of its characters, taken from sums over all that stands before.
    """
    letter = kinds == _LETTER
    single = kinds == _SINGLE  # the 0 between texts is one of them
    first, last = single.copy(), single
    first[0] |= letter[0]
    first[1:] |= letter[1:] > letter[:-1]
    last[:-1] |= letter[:-1] > letter[1:]  # the last sign of all is a 0
    begins, ends = np.flatnonzero(first), np.flatnonzero(last) + 1
    powers, back = _powers(max(_CHARACTERS, 1 << len(codes).bit_length()))
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.multiply(codes, powers[: len(codes)], out=sums[1:], dtype=np.uint64)
    np.cumsum(sums, out=sums)
    keys = sums[ends] - sums[begins]
    keys *= back[begins]
    keys ^= keys >> np.uint64(32)
    keys *= _STIR
    keys ^= keys >> np.uint64(29)
    return keys, np.flatnonzero(codes[begins] == 0) + 1


@lru_cache(maxsize=2)  # a long text needs larger ones
def _powers(length: int) -> tuple[Keys, Keys]:
    powers, back = np.full(length, _BASE), np.full(length, _BACK)
    powers[0] = back[0] = 1
    return np.cumprod(powers), np.cumprod(back)


@cache
def _ascii() -> tuple[bytes, bytes]:
    """What `bytes.translate` wants: lower case for upper, and the signs that are left out."""
    signs = "".join(sign for sign in _LEFT_OUT_SIGNS if sign.isascii())
    return bytes(range(256)).lower(), signs.encode()


@cache
def _kinds_of(sign: str) -> list[int]:
    """The kinds of what a character is folded to; kept, for there are few in most texts."""
    folded = unicodedata.normalize("NFKC", sign).casefold()
    return [int(_kinds()[ord(part)]) for part in folded]


@cache
def _kinds() -> npt.NDArray[np.uint8]:
    """The kind of every character, once folded."""
    table = np.zeros(0x110000, np.uint8)
    for code in (*range(1, 0x33400), *range(0xE0000, 0xE0200)):  # no others are assigned
        sign = chr(code)
        kind = unicodedata.category(sign)
        if kind[0] in "LMN":
            table[code] = _LETTER
        elif kind == "Cf" or sign in _LEFT_OUT_SIGNS:
            table[code] = _LEFT_OUT
    for first, end in _UNSPACED:
        table[first:end] = np.where(table[first:end] == _LETTER, _SINGLE, table[first:end])
    table[0] = _SINGLE
    return table
