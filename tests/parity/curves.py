"""Losses: both tools train a small model for some steps, from the same weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ftc.parity.report import Curves, Report
from parity import pairs
from parity.matrix import Case
from parity.pairs import OLD_AXOLOTL, Bench, Pair

STEPS = 20
ROWS = 64
# In native mode the tokens of these are equal: their turns end without a line break.
FAMILIES = ("llama3.0", "phi4")
# With exact tokens those of all are.
EXACT = ("qwen2.5",)
METHODS = ("lora", "full")
ACCUMULATIONS = (1, 4)


@dataclass(frozen=True)
class Curve:
    """One pair of runs; `version` is Axolotl's."""

    case: Case
    version: str
    curves: Curves

    @property
    def accumulation(self) -> int:
        return int(self.case.training["gradient_accumulation"])

    @property
    def good(self) -> bool:
        """Within the tolerance of the mode: of the other tool, or of the prediction."""
        return self.curves.within and len(self.curves.sides[0]) == STEPS


def wanted(families: Sequence[str] = (*FAMILIES, *EXACT)) -> list[Case]:
    """Families, methods and accumulations; native tokens for those whose tokens are equal."""
    return [
        case(family, tokens, method, accumulation)
        for family in families
        for tokens in (("native", "exact") if family in FAMILIES else ("exact",))
        for method in METHODS
        for accumulation in ACCUMULATIONS
    ]


def older(cases: Sequence[Case]) -> list[Case]:
    """Those whose losses Axolotl before 0.21.0 averages in its own way."""
    families = FAMILIES[:2]
    return [
        it
        for it in cases
        if it.tokens == "exact"
        and it.family in families
        and it.training["gradient_accumulation"] > 1
    ]


def short() -> list[Case]:
    """One curve with LoRA and one without."""
    return [case("qwen2.5", "exact", "lora", 4), case("llama3.0", "native", "full", 1)]


def case(family: str, tokens: str, method: str, accumulation: int) -> Case:
    """A recipe of 20 steps."""
    training = {
        "gradient_accumulation": accumulation,
        "max_steps": STEPS,
        "epochs": 5.0,
        "learning_rate": 1e-3,
        "lr_scheduler": "cosine",
        "warmup_steps": 2,
    }
    return Case(family, "chat", tokens, method, training, rows=ROWS)


def curves(bench: Bench, cases: Sequence[Case]) -> list[Curve]:
    """The curves of the cases. Before 0.21.0 Axolotl's are held to a prediction."""
    made = pairs.built(bench, cases)
    if refused := [pair.refused for pair in made if pair.refused]:
        raise ValueError(refused[0])
    old = bench.axolotl == OLD_AXOLOTL
    reports = pairs.compared(bench, made, "loss", steps=STEPS, predict=old)
    return [
        _curve(bench, pair, report)
        for pair, report in zip(made, reports, strict=True)
        if report is not None
    ]


def _curve(bench: Bench, pair: Pair, report: Report) -> Curve:
    assert report.losses is not None
    return Curve(pair.case, bench.axolotl[1], report.losses)
