"""The ways to score a row, by their names in the recipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ftc.augment.judge import alone
from ftc.augment.judge.pairwise import pairwise
from ftc.augment.judge.verdict import Bench, Found
from ftc.augmentation import Judge
from ftc.prep.rows import Row

METHODS: dict[str, Callable[[Sequence[Row], Bench, int], Found]] = {
    "rubric": alone.rubric,
    "ultrafeedback": alone.ultrafeedback,
    "prometheus": alone.prometheus,
    "pairwise": pairwise,
}


def found(rows: Sequence[Row], bench: Bench, sample: int = 0) -> Found:
    """A verdict or the lack of one for each row; another `sample` is another run of the judge."""
    return METHODS[bench.judge.method](rows, bench, sample)


def prompts(judge: Judge) -> tuple[str, ...]:
    """The template that a judge asks by."""
    return (f"judge-{judge.method}",)
