"""All checks by name, in the order in which a dropped row's reason is chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ftc.prep.quality.cut import cut_answer
from ftc.prep.quality.fields import chosen_is_rejected, empty_answer, missing_field
from ftc.prep.quality.language import wrong_language
from ftc.prep.quality.leftovers import boilerplate, html_left, many_placeholders, mojibake
from ftc.prep.quality.placement import instruction_echoed, wrong_column
from ftc.prep.quality.refusal import refusal, speaks_as_a_model
from ftc.prep.quality.repeats import repeated_lines, repeated_phrases
from ftc.prep.quality.rest import (
    contradicting_rows,
    format_unlike_the_rest,
    length_outlier,
    same_row_twice,
    tone_unlike_the_rest,
)
from ftc.prep.quality.toxicity import toxic_words
from ftc.prep.quality.view import Found, View


class Check(NamedTuple):
    """`flag` is what rows and the ledger say; `group` is the score that it takes away from."""

    flag: str
    group: str
    find: Callable[[View], Iterator[Found]]


CHECKS: tuple[Check, ...] = (
    Check("missing field", "complete", missing_field),
    Check("empty answer", "complete", empty_answer),
    Check("same row twice", "agreement", same_row_twice),
    Check("chosen is rejected", "agreement", chosen_is_rejected),
    Check("prompt and answer exchanged", "placement", wrong_column),
    Check("cut answer", "complete", cut_answer),
    Check("refusal", "refusal", refusal),
    Check("speaks as a model", "refusal", speaks_as_a_model),
    Check("wrong language", "language", wrong_language),
    Check("repeated lines", "repetition", repeated_lines),
    Check("repeated phrases", "repetition", repeated_phrases),
    Check("instruction echoed", "placement", instruction_echoed),
    Check("contradicting rows", "agreement", contradicting_rows),
    Check("toxic words", "toxicity", toxic_words),
    Check("mojibake", "cleanliness", mojibake),
    Check("HTML left", "cleanliness", html_left),
    Check("many placeholders", "cleanliness", many_placeholders),
    Check("boilerplate", "cleanliness", boilerplate),
    Check("format unlike the rest", "consistency", format_unlike_the_rest),
    Check("tone unlike the rest", "consistency", tone_unlike_the_rest),
    Check("length outlier", "length", length_outlier),
)
FLAGS = tuple(check.flag for check in CHECKS)
JUDGE = "judge"  # the score that a model gave, from notes["judge"]
WEIGHTS: dict[str, float] = {  # the most that a group takes away; judgment
    "complete": 0.6,
    "placement": 0.5,
    "refusal": 0.6,
    "language": 0.5,
    "repetition": 0.5,
    "agreement": 0.3,
    "toxicity": 0.6,
    "cleanliness": 0.4,
    "consistency": 0.2,
    "length": 0.2,
    JUDGE: 0.8,
}
