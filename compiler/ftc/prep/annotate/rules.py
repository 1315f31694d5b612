"""The rules in their order: the first that fits a chunk makes its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ftc.prep.annotate import headings, pairs, questions, replies, subjects, titles
from ftc.prep.annotate.draft import Draft
from ftc.prep.rows import Row
from ftc.preparation.annotate import Annotate, Rule


class Entry(NamedTuple):
    """A rule by the recipe's name for it, and what the ledger calls its rows."""

    name: Rule
    reason: str
    drafts: Callable[[Row, Annotate], Iterator[Draft]]
    whole: bool  # the answer is the text up to its end: half a text gives none


RULES: tuple[Entry, ...] = (
    Entry("pairs", "turns of a transcript", pairs.drafts, False),
    Entry("replies", "quoted question and reply", replies.drafts, False),
    Entry("questions", "question and answer", questions.drafts, False),
    Entry("headings", "heading that asks", headings.drafts, True),
    Entry("subjects", "subject and e-mail", subjects.drafts, True),
    Entry("titles", "title and text", titles.drafts, True),
)


def first(row: Row, settings: Annotate, part: bool) -> tuple[Entry, list[Draft]] | None:
    """The first rule of the recipe that fits a chunk, and its drafts; equal ones count once.

    `part` says that the chunk is not the whole of its text.
    """
    for entry in RULES:
        on = settings.rules is None or entry.name in settings.rules
        if on and not (part and entry.whole):
            found = {(draft.user, draft.answer): draft for draft in entry.drafts(row, settings)}
            if found:
                return entry, list(found.values())
    return None
