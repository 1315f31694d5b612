"""Steps and learning rates: how both trainers plan the recipes of steps.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ftc.parity.records import Schedule
from ftc.parity.report import Report
from ftc.parity.values import RELATIVE, relative
from parity import models, pairs
from parity.matrix import Case
from parity.pairs import Bench, Pair

FAMILY = "qwen2.5"


@dataclass(frozen=True)
class Line:
    """One combination; steps as planned, and as the trainers of Axolotl and LLaMA-Factory say."""

    counted: str
    case: Case
    planned: int
    steps: tuple[int, int]
    largest: float  # largest relative difference of two learning rates
    equal: bool  # the whole verdict: arguments, groups and trained parameters too

    @property
    def good(self) -> bool:
        """Steps as planned in both, and rates within 1e-12."""
        alike = self.steps == (self.planned, self.planned)
        return alike and self.largest <= RELATIVE and self.equal


def combinations(short: bool = False) -> list[tuple[str, Case]]:
    """Each combination of steps.toml, with why it is there; `short`: those of the short run."""
    table = tomllib.loads((models.HERE / "steps.toml").read_text("utf-8"))["combination"]
    return [(row["counted"], _case(row)) for row in table if row.get("ci") or not short]


def _case(row: dict[str, Any]) -> Case:
    method = row.get("method", "lora")
    return Case(FAMILY, "chat", method=method, training=row["training"], rows=row["rows"])


def lines(bench: Bench, wanted: Sequence[tuple[str, Case]]) -> list[Line]:
    """What both tools plan; a combination that ftc refuses is a fault of this list."""
    made = pairs.built(bench, [case for _, case in wanted])
    if refused := [pair.refused for pair in made if pair.refused]:
        raise ValueError(refused[0])
    sides = pairs.asked(bench, made, "steps")
    found = zip(wanted, made, sides, strict=True)
    return [
        _line(why, pair, (one.schedule, two.schedule), pairs.report(pair, (one, two), "steps"))
        for (why, _), pair, (one, two) in found
        if one.schedule and two.schedule
    ]


def _line(why: str, pair: Pair, sides: tuple[Schedule, Schedule], report: Report) -> Line:
    one, two = sides
    largest = max(map(relative, one.rates, two.rates), default=float("inf"))
    steps = next(verdict for verdict in report.verdicts if verdict.level == "steps")
    return Line(
        why, pair.case, pair.plan.max_steps, (one.steps, two.steps), largest, steps.state == "equal"
    )
