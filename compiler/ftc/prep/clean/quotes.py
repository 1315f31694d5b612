"""Quotation marks and apostrophes: straight, typographic, or one kind within a row."""

# ruff: noqa: RUF001 - marks of print are the subject
from __future__ import annotations

import re
from typing import Literal

import numpy as np

from ftc.prep.clean import code
from ftc.prep.clean.batch import Batch, Mask

NAME = "quotes"
_PAIRS = {"de": ("„", "“", "‚", "‘"), "fr": ("« ", " »", "‹ ", " ›")}
_ENGLISH = ("“", "”", "‘", "’")
_STRAIGHT = str.maketrans(
    {"“": '"', "”": '"', "„": '"', "‟": '"', "‘": "'", "’": "'", "‚": "'", "‛": "'"}
)
_DOUBLE = re.compile('"')
_SINGLE = re.compile("'")
_ELIDED = re.compile(r"(?:\d\ds?|em|til|tis|twas|cause|bout|n)\b", re.I)


def clean(
    batch: Batch,
    wanted: Literal["consistent", "straight", "typographic"],
    language: str | None,
    left: Mask,
) -> None:
    """Write the quotes of all texts but those of `left` as wanted."""
    if wanted == "straight":
        batch.rewrite(NAME, batch.matching("[“”„‟‘’‚‛]", ~left), straight)
    elif wanted == "consistent":
        batch.rewrite(NAME, _mixed(batch, ~left), straight)
    else:
        marks = _PAIRS.get(language or "en", _ENGLISH)
        batch.rewrite(NAME, batch.matching("[\"']", ~left), lambda text: curly(text, marks))


def _mixed(batch: Batch, where: Mask) -> Mask:
    """Turns and titles of rows that have curly and straight marks of the same kind."""
    mixed = np.zeros(batch.rows.num_rows, np.bool_)
    for curled, plain in (("[“”„]", '"'), ("[‘’]", "'")):
        both = batch.matching(curled, where)
        rows = np.zeros(batch.rows.num_rows, np.bool_)
        rows[batch.owners[both]] = True
        also = batch.matching(plain, where & rows[batch.owners])
        mixed[batch.owners[_outside_code(batch, also, plain)]] = True
    found: Mask = mixed[batch.owners] & where
    return found


def _outside_code(batch: Batch, where: Mask, mark: str) -> Mask:
    """Which of the texts have the mark outside of code too."""
    found = where.copy()
    for index in np.flatnonzero(where & batch.matching("`|\n    |\n\t|http", where)):
        text = batch.values[int(index)].as_py()
        found[index] = _shown(text, mark)
    return found


def _shown(text: str, mark: str) -> bool:
    shown: list[str] = []

    def keep(piece: str) -> str:
        shown.append(piece)
        return piece

    code.outside(text, keep)
    return any(mark in piece for piece in shown)


def straight(text: str) -> str:
    """The text with straight quotes and apostrophes; code stays."""
    return text if code.data(text) else code.outside(text, lambda piece: piece.translate(_STRAIGHT))


def curly(text: str, marks: tuple[str, str, str, str] = _ENGLISH) -> str:
    """The text with opening and closing quotes and apostrophes of print; code stays."""
    return text if code.data(text) else code.outside(text, lambda piece: _curled(piece, marks))


def _curled(piece: str, marks: tuple[str, str, str, str]) -> str:
    piece = _DOUBLE.sub(lambda m: marks[0] if _opening(m) else marks[1], piece)
    return _SINGLE.sub(lambda m: marks[2] if _opening(m) and not _elision(m) else "’", piece)


def _opening(match: re.Match[str]) -> bool:
    before = match.string[match.start() - 1 : match.start()] if match.start() else " "
    after = match.string[match.end() : match.end() + 1]
    return (before.isspace() or before in "([{<—–-/“„«") and bool(after.strip())


def _elision(match: re.Match[str]) -> bool:
    return _ELIDED.match(match.string, match.end()) is not None
