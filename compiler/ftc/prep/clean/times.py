"""Times that a recorder wrote into a transcript; times that people speak of stay."""

from __future__ import annotations

import re

from ftc.prep.clean.batch import Batch, Mask
from ftc.prep.clean.speakers import CLOCK

NAME = "timestamps"
_GATE = r"\d:\d\d|WEBVTT"
_CUE = re.compile(
    rf"^(?:[ \t]*\d+[ \t]*\n)?[ \t]*{CLOCK}[ \t]*-->[ \t]*{CLOCK}[^\n]*(?:\n|\Z)", re.M
)
_HEADER = re.compile(r"\A\ufeff?WEBVTT[^\n]*\n+(?:(?:Kind|Language):[^\n]*\n)*\n*")
_SECONDS = r"\d{1,2}:\d{2}:\d{2}(?:[.,]\d{1,3})?"
_BRACKETED = re.compile(
    rf"(?P<before>[ \t]*)[\[(<][ \t]*{CLOCK}(?:[ \t]*(?:-->|[-–—])[ \t]*{CLOCK})?[ \t]*[\])>]"
    r"(?P<after>[ \t]*)"
)
_NOTED = re.compile(rf"(?<=[\[(])([^\W\d_][^\d\n\[\]()]*?)[ \t]+{CLOCK}(?=[\])])")
_START = re.compile(
    rf"^[ \t]*(?:{_SECONDS}(?:[ \t]*[-–—|][ \t]*)?(?:[ \t]+|(?=\n|\Z))"
    rf"|0\d:\d{{2}}(?:[.,]\d{{1,3}})?(?:[ \t]*[-–—|]+[ \t]*|\t|[ ]{{2,}}|[ \t]*(?=\n|\Z)))",
    re.M,
)
_LOOSE = re.compile(rf"^[ \t]*{CLOCK}[ \t]*(?:[-–—|][ \t]*)?", re.M)
_MOST = 0.6  # judgment: so many lines that begin with a time were written by a tool


def clean(batch: Batch, spoken: Mask) -> None:
    """Drop the times of spoken texts."""
    batch.rewrite(NAME, batch.matching(_GATE, spoken), untimed)


def untimed(text: str) -> str:
    """The text without cue lines, bracketed times and times at the start of lines.

    A bare time such as `10:30` at the start of a line goes only when most lines begin with one.
    """
    text = _HEADER.sub("", text)
    text = _CUE.sub("", text)
    text = _NOTED.sub(r"\1", text)
    text = _BRACKETED.sub(_gap, text)
    text = _START.sub("", text)
    lines = [line for line in text.split("\n") if line.strip()]
    timed = sum(_LOOSE.match(line) is not None for line in lines)
    return _LOOSE.sub("", text) if timed > 1 and timed >= _MOST * len(lines) else text


def _gap(match: re.Match[str]) -> str:
    start, end = match.start(), match.end()
    before = match.string[start - 1 : start]
    after = match.string[end : end + 1]
    if not before or before == "\n" or not after or after in "\n.,;:!?":
        return ""
    return " "
