"""Rule "questions": blocks of "Q: ... A: ..."."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from ftc.prep.annotate.draft import Draft
from ftc.prep.rows import Row
from ftc.preparation.annotate import Annotate


def drafts(row: Row, settings: Annotate) -> Iterator[Draft]:
    """The blocks of a chunk, by the first markers of the recipe that it has."""
    for question, answer in settings.questions.markers:
        found = list(_blocks(row.turns[0][1], question, answer))
        if found:
            yield from found
            return


def _blocks(text: str, question: str, answer: str) -> Iterator[Draft]:
    marks = list(_pattern(question, answer).finditer(text))
    asked: list[tuple[str, int]] = []  # text and start of the questions that wait
    answered: list[tuple[str, int]] = []  # text and end
    for mark, end in zip(marks, [*(mark.start() for mark in marks[1:]), len(text)], strict=False):
        said = text[mark.end() : end].strip()
        if mark[1].casefold() == answer.casefold():
            answered += [(said, end)] if asked and said else []
            continue
        if answered:
            yield _draft(asked, answered)
        asked = [(said, mark.start())] if answered or not asked else [*asked, (said, mark.start())]
        answered = []
    if answered:
        yield _draft(asked, answered)


def _draft(asked: list[tuple[str, int]], answered: list[tuple[str, int]]) -> Draft:
    return Draft(
        "\n".join(text for text, _ in asked),
        "\n\n".join(text for text, _ in answered),
        (asked[0][1], answered[-1][1]),
    )


@lru_cache
def _pattern(question: str, answer: str) -> re.Pattern[str]:
    """A marker at the start of a line, as in "Q:", "**Q1.**" or "- Question 3:".

    Words may have any case; single letters may not, for "a) ..." is an item of a list.
    """
    words = [
        re.escape(word) if len(word) == 1 else f"(?i:{re.escape(word)})"
        for word in (question, answer)
    ]
    return re.compile(
        rf"^[ \t]*(?:[-*_#>]+[ \t]*)*({'|'.join(words)})"
        r"(?:[ \t]*:|[ \t]*\d+[ \t]*[:.)])[*_]*(?:[ \t]+|$)[*_]*",
        re.MULTILINE,
    )
