"""Punctuation that says nothing: marks in a row, a space before a comma."""

# ruff: noqa: RUF001 - marks of print are the subject
from __future__ import annotations

import re

from ftc.prep.clean import code
from ftc.prep.clean.batch import Batch, Mask

NAME = "punctuation"
_GATE = r"[!?]{2}|,,|\.{4}|[¡¿]{2}|[！？]{2}|\w +[,.]|[，。]{2}"
_EXCLAIMED = re.compile(r"(?<=[^\s!?])[!?]{2,}(?=[\s\"'”’»)\]*_]|\Z)")
_OPENED = re.compile(r"([¡¿])\1+")
_WIDE = re.compile(r"([！？，。])\1+")
_COMMAS = re.compile(r"(?<=\w),{2,}(?=\s|\Z)")
_DOTS = re.compile(r"(?<=\w)\.{4,}(?![./])")
_COMMA = re.compile(r"(?<=\w) +,(?=\s|\Z)")
_STOP = re.compile(r"(?<=\w) +\.(?=\s|\Z)")


def clean(batch: Batch, left: Mask) -> None:
    """Thin out the marks of all texts but those of `left`."""
    batch.rewrite(NAME, batch.matching(_GATE, ~left), thinned)


def thinned(text: str) -> str:
    """`Wow!!!! Really?!?! Yes ,` becomes `Wow! Really?! Yes,`; code stays."""
    return text if code.data(text) else code.outside(text, _thinned)


def _thinned(piece: str) -> str:
    piece = _EXCLAIMED.sub(_mark, piece)
    piece = _OPENED.sub(r"\1", piece)
    piece = _WIDE.sub(r"\1", piece)
    piece = _COMMAS.sub(",", piece)
    piece = _DOTS.sub("...", piece)
    if _COMMA.search(piece) is None:
        return piece  # "pip install ."
    return _STOP.sub(".", _COMMA.sub(",", piece))


def _mark(match: re.Match[str]) -> str:
    marks = match.group()
    if len(marks) == 2 and marks[0] != marks[1]:
        return marks
    return "?!" if len(set(marks)) == 2 else marks[0]
