"""Rule "headings": a heading that is a question, and the text below it."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.prep.annotate.draft import Draft
from ftc.prep.rows import Row
from ftc.preparation.annotate import Annotate

MARKS = ("?", "\uff1f", "\u061f")  # Latin, full width, Arabic
PATH = " > "  # between the headings of a title


def drafts(row: Row, settings: Annotate) -> Iterator[Draft]:
    """One row for a chunk whose last heading asks; the heading itself is no part of the answer."""
    question = row.title.rsplit(PATH, 1)[-1].strip()
    if row.medium == "mail" or not question.endswith(MARKS):
        return
    text = row.turns[0][1]
    first, _, rest = text.lstrip().partition("\n")
    body = (rest if first.strip("#*_ \t") == question else text).strip()
    if body:
        start = text.index(body)
        yield Draft(question, body, (start, start + len(body)))
