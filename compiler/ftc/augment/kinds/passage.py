"""What kinds read in a raw chunk, and what must hold of a row that was made of it."""

from __future__ import annotations

import re

from ftc.augment.kinds import fixed, talk
from ftc.prep.rows import Row

POINTING = "speaks of a text that is not there"
NUMBER = "a number that the text does not have"
LEAST = 10  # words of a chunk of which something can be asked; judgment

_POINTING = re.compile(
    r"\b(?:the|this) (?:(?:above|following|given|provided) )?(?:text|passage|excerpt|document)\b"
    r"|\b(?:the|this) (?:above|provided|given) (?:article|paragraph|information|context)\b"
    r"|\b(?:der|dem|diesem|dieser|den) (?:obigen |folgenden )?(?:Text|Abschnitt|Auszug|Dokument)\b"
    r"|\b(?:le|ce) (?:texte|passage|document|extrait)\b"
    r"|\b(?:el|este) (?:texto|pasaje|documento|extracto)\b",
    re.IGNORECASE,
)
_ALIKE = {
    mark: f"[{marks}]"
    for marks in ("'\u2018\u2019", '"\u201c\u201d\u201e', "-\u2013\u2014")
    for mark in marks
}
_QUOTED = " \t\n\"'\u201c\u201d\u201e\u2018\u2019.\u2026"


def takes(row: Row) -> str:
    """Chunks with some words."""
    if reason := talk.wrong_form(row, "chunk"):
        return reason
    return "" if len(text(row).split()) >= LEAST else "a chunk of few words"


def text(row: Row) -> str:
    """What a chunk says."""
    return row.turns[0][1]


def place(quote: str, text: str) -> tuple[int, int] | None:
    """Where the words of a quotation stand in a text, first character and the one after the last.

    White space and the form of quotation marks and dashes do not count, nor do marks around it.
    """
    words = quote.strip(_QUOTED).split()
    if not words:
        return None
    pattern = r"\s+".join("".join(_ALIKE.get(it, re.escape(it)) for it in word) for word in words)
    found = re.search(pattern + r"\w*", text)  # a quotation may be cut within a word
    return found.span() if found else None


def invented(said: str, row: Row) -> str:
    """A number of two or more digits that stands neither in the chunk nor in its title, or ""."""
    known = fixed.numbers(text(row)) | fixed.numbers(row.title)
    mine = {number for number in fixed.numbers(said) if len(number) > 1}
    return min(mine - known, default="")


def pointing(question: str) -> str:
    """Words of a question that point to a text that its reader does not see, or ""."""
    found = _POINTING.search(question)
    return found.group() if found else ""
