"""How far two runs of the judge over the same rows say the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from ftc.augment.judge.alpha import LEAST, alpha, interval, nominal
from ftc.augment.judge.chosen import chosen
from ftc.augment.judge.method import found
from ftc.augment.judge.rubric import Rubric
from ftc.augment.judge.scored import NONE
from ftc.augment.judge.verdict import Bench, Verdict
from ftc.augment.question import Ask
from ftc.augmentation import Judge
from ftc.prep.rows import Row

FEW = 10  # rows below which nothing is warned of (judgment)


@dataclass(frozen=True)
class Agreement:
    """`rows` have a score of each of the `runs`; figures are None where nothing can be compared.

    `decided` counts rows on which all runs decide the same by the threshold. `alpha_decisions` and
    `alpha_scores` are Krippendorff's alpha, nominal and interval.
    """

    rows: int
    runs: int
    missing: int = 0  # rows without a score in some run
    equal: float | None = None  # share of pairs of runs with the same score
    difference: float | None = None  # mean absolute, of scores from 0 to 1
    decided: int = 0
    alpha_decisions: float | None = None
    alpha_scores: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """For the report."""
        return asdict(self)

    def warnings(self) -> list[str]:
        """What is to be said about it."""
        if self.rows < FEW or self.runs < 2:
            return []
        if self.alpha_scores is None:
            return ["every run of the judge gave every row the same score: it tells no rows apart"]
        found = self.alpha_decisions
        if found is not None and found < LEAST:
            return [
                f"runs of the judge decide on {self.decided} of {self.rows} rows alike, alpha "
                f"{found:.2f}: below {LEAST} its decisions are not to be relied on"
            ]
        return []


def agreement(
    rows: Iterable[Row],
    judge: Judge,
    ask: Ask,
    *,
    parents: Mapping[str, Row] = NONE,
    rubric: Rubric | None = None,
    seed: int = 0,
) -> Agreement:
    """Judge `agreement_rows` of the rows `runs` times and compare; the first run is `judged`'s."""
    some = chosen(rows, judge.agreement_rows, seed)
    bench = Bench(judge, ask, parents, rubric)
    runs = [found(some, bench, sample) for sample in range(judge.runs)]
    units = [
        [it.score for it in verdicts]
        for row in zip(*runs, strict=True)
        if len(verdicts := [it for it in row if isinstance(it, Verdict)]) == judge.runs
    ]
    return _measured(units, judge, len(some) - len(units))


def _measured(units: list[list[float]], judge: Judge, missing: int) -> Agreement:
    if not units or judge.runs < 2:
        return Agreement(len(units), judge.runs, missing)
    pairs = [pair for unit in units for pair in combinations(unit, 2)]
    decisions = [[float(score >= judge.threshold) for score in unit] for unit in units]
    return Agreement(
        rows=len(units),
        runs=judge.runs,
        missing=missing,
        equal=sum(one == other for one, other in pairs) / len(pairs),
        difference=sum(abs(one - other) for one, other in pairs) / len(pairs),
        decided=sum(len(set(unit)) == 1 for unit in decisions),
        alpha_decisions=alpha(decisions, nominal),
        alpha_scores=alpha(units, interval),
    )
