"""Answers in which a model refuses, or speaks of itself as one."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.prep.quality import phrases
from ftc.prep.quality.view import Found, View


def refusal(seen: View) -> Iterator[Found]:
    """An answer refuses, in words that models use for it."""
    return _said(seen, "refusal")


def speaks_as_a_model(seen: View) -> Iterator[Found]:
    """An answer speaks of itself as a language model."""
    return _said(seen, "machine")


def _said(seen: View, table: str) -> Iterator[Found]:
    """Where a chat or its system turn is about that, phrases are no fault."""
    for pair, row in seen.where(phrases.pattern(table)):
        found = phrases.compiled(table).search(seen.said.answers[pair])
        if found:
            yield Found(row, 1.0, found.group().strip())
