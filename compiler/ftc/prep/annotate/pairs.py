"""Rule "pairs": what one speaker of a transcript asks, and what the other answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from ftc.prep.annotate.draft import Draft
from ftc.prep.annotate.turns import Turn, turns
from ftc.prep.rows import Row
from ftc.preparation.annotate import Annotate


def drafts(row: Row, settings: Annotate) -> Iterator[Draft]:
    """Turns of those who ask become an instruction, the turns that follow by others its answer.

    A turn below `min_words` is skipped; one by anybody else ends a pair.
    """
    pairs = settings.pairs
    if pairs is None:
        return
    asks, answers = _speakers(tuple(pairs.ask)), _speakers(tuple(pairs.answer))
    asked: list[Turn] = []
    answered: list[Turn] = []
    for turn in turns(row.turns[0][1], lambda name: asks(name) or answers(name)):
        if len(turn.text.split()) < pairs.min_words:
            continue
        if asked and answers(turn.speaker):
            answered.append(turn)
            continue
        if answered:
            yield _draft(asked, answered)
            asked, answered = [], []
        asked = [*asked, turn] if asks(turn.speaker) else []
    if answered:
        yield _draft(asked, answered)


def _draft(asked: list[Turn], answered: list[Turn]) -> Draft:
    return Draft(
        " ".join(turn.text for turn in asked),
        " ".join(turn.text for turn in answered),
        (asked[0].start, answered[-1].end),
    )


@lru_cache
def _speakers(wanted: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether a name is one of those in the recipe; case does not count."""
    patterns = [name[1:-1] if _is_pattern(name) else re.escape(name) for name in wanted]
    found = re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)
    return lambda name: found.fullmatch(name) is not None


def _is_pattern(name: str) -> bool:
    return len(name) > 2 and name[0] == name[-1] == "/"
