"""Needless spaces and blank lines, outside of code and tables."""

from __future__ import annotations

import re

from ftc.prep.clean import code
from ftc.prep.clean.batch import Batch, Mask

NAME = "whitespace"
_NEEDLESS = r"[ \t]\n|  |\n\n\n|\n[ \t]|\A[ \t\n]|[ \t\n]\z"
_SET_IN = "   "
_INNER = re.compile(r"(?<=[^\s]) {2,}(?=\S)")
_TRAILING = re.compile(r"[ \t]+(?=\n|\Z)")
_LEADING = re.compile(r"^[ \t]+", re.M)
_BLANK = re.compile(r"\n{3,}")
_AFTER_CODE = re.compile(r"\A\n{2,}")
_BLANK_START = re.compile(r"\A(?:[ \t]*\n)+")


def clean(batch: Batch, spoken: Mask, left: Mask) -> None:
    """Tidy all texts but those of `left`; lines of `spoken` texts lose their indentation too."""
    where = batch.matching(_NEEDLESS, ~left)
    batch.rewrite(NAME, where & ~spoken, tidy)
    batch.rewrite(NAME, where & spoken, tidy_spoken)


def tidy(text: str) -> str:
    """Single spaces within lines, none at their ends, at most one blank line; code stays."""
    if code.data(text):
        return text
    text = _BLANK_START.sub("", text).rstrip()
    if text[:1] in (" ", "\t") and not text.startswith(("    ", "\t")):
        text = text.lstrip(" ")
    return code.outside_blocks(text, _tidy)


def tidy_spoken(text: str) -> str:
    """As `tidy`, for texts in which nothing is code."""
    return _BLANK.sub("\n\n", _INNER.sub(" ", _TRAILING.sub("", _LEADING.sub("", text)))).strip()


def _tidy(piece: str) -> str:
    piece = _AFTER_CODE.sub("\n", _BLANK.sub("\n\n", _TRAILING.sub("", piece)))
    if "|" not in piece and _SET_IN not in piece:
        return _INNER.sub(" ", piece)
    return "\n".join(
        line if _arranged(line) else _INNER.sub(" ", line) for line in piece.split("\n")
    )


def _arranged(line: str) -> bool:
    """Is it a row of a table, or set in, where spaces may stand in columns?"""
    return line.lstrip().startswith("|") or line.startswith(_SET_IN)
