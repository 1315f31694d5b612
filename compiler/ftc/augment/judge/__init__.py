"""A model that scores rows: what it is asked, what it said, and how far it can be believed."""

from __future__ import annotations

from ftc.augment.judge.agreement import Agreement, agreement
from ftc.augment.judge.chosen import chosen_human
from ftc.augment.judge.method import prompts
from ftc.augment.judge.rubric import Rubric
from ftc.augment.judge.scored import NOT_JUDGED, judged
from ftc.augment.judge.verdicts import Tally, Verdicts, verdicts

__all__ = [
    "NOT_JUDGED",
    "Agreement",
    "Rubric",
    "Tally",
    "Verdicts",
    "agreement",
    "chosen_human",
    "judged",
    "prompts",
    "verdicts",
]
