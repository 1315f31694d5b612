"""What the finished rows are like: tokens, lengths and their price in memory, composition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from ftc.errors import FtcError
from ftc.factors.table import load
from ftc.facts import hardware, model, tokens
from ftc.facts.records import DataFacts, Facts, Lengths
from ftc.memory.formula import estimate
from ftc.plan import Plan
from ftc.prep.diversity import gaps
from ftc.prep.lengths import RowLengths, lengths
from ftc.recipe import Recipe
from ftc.resolve import resolve
from ftc.resolve.memory import plan_job
from ftc.survey.steps import Survey
from ftc.survey.story import folders

Progress = Callable[[str, int, int], None]
GRAIN = 64  # tokens: lengths are rounded up to it (judgment; what tensor cores want is 8)
TITLES = {  # what is counted, by the start of the figure's name
    "task types": "diversity.task.",
    "tones": "diversity.tone.",
    "lengths of answers": "diversity.length.",
    "difficulty": "diversity.difficulty.",
    "flags": "quality.flag.",
    "personal data": "redact.",
    "duplicates": "deduplicate.",
}


class Choice(NamedTuple):
    """A possible max_length: the share of rows that fit it, and the memory that it costs."""

    max_length: int
    fits: float
    memory: str
    why: str


@dataclass(frozen=True)
class Statistics:
    """`lengths` holds p50, p95, p99, max and sum of tokens for prompt, answer and total;
    `histogram` (from, to, rows); `composition` counts by title."""

    tokens_by: str
    lengths: dict[str, dict[str, float]]
    histogram: list[tuple[int, int, int]]
    max_length: int | None
    choices: tuple[Choice, ...]
    composition: dict[str, dict[str, float]]
    gaps: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self) | {"choices": [choice._asdict() for choice in self.choices]}


def statistics(
    recipe: Recipe, folder: Path, state: Survey, full: bool, offline: bool, progress: Progress
) -> Statistics | None:
    """Look at the finished rows; None when they are not all there.

    `full` counts the tokens of every row. Without a tokenizer at hand they are estimated, without
    the model's shape no memory is told.
    """
    steps = folders(state.root)
    last = steps[-1].done() if steps else None
    if state.train is None or last is None:
        return None
    found = model.gather(recipe.model, folder, offline)
    rows = lengths(
        [steps[-1].rows(batch.name) for batch in last.batches],
        recipe.stage,
        tokens.counter(found),
        full=full,
        progress=lambda done, total: progress("tokens", done, total),
    )
    data = _data(rows)
    facts = Facts(found, data, hardware.gather(recipe.hardware), ())
    plan = _plan(recipe, folder, facts)
    prepare = recipe.preparation
    figures = {name: value for step in state.steps for name, value in step.figures.items()}
    return Statistics(
        rows.by,
        rows.parts,
        rows.histogram,
        plan.max_length if plan else recipe.training.max_length,
        tuple(_choices(rows, facts, plan)),
        dict(_composition(figures)),
        tuple(str(gap) for gap in gaps(figures, prepare.diversity if prepare else None)),
    )


def _data(rows: RowLengths) -> DataFacts:
    """The rows as `resolve` sees them, as far as lengths go."""
    train = Lengths(rows.exact, rows.total, rows.prompt, rows.answer)
    none = Lengths(rows.exact, (), (), ())
    empty = dict.fromkeys(
        (
            "rejected",
            "left_out",
            "duplicates",
            "overlap",
            "has_system",
            "multi_turn",
            "empty_answers",
            "same_pair",
        ),
        0,
    )
    return DataFacts("", "", "", train=train, eval=none, has_tools=False, **empty)


def _plan(recipe: Recipe, folder: Path, facts: Facts) -> Plan | None:
    """The plan that these rows would get; None when nothing can be worked out from them."""
    try:
        return resolve(recipe, facts, load([folder / name for name in recipe.factors.tables]))
    except FtcError:
        return None


def _choices(rows: RowLengths, facts: Facts, plan: Plan | None) -> list[Choice]:
    """p95, p99 and the longest row as max_length, and the plan's own."""
    total = rows.parts["total"]
    wanted: dict[int, str] = {}
    for name, why in (("p95", "19 of 20 rows"), ("p99", "99 of 100 rows"), ("max", "all rows")):
        length = -(-int(total[name]) // GRAIN) * GRAIN
        wanted.setdefault(length, f"for {why}")
    if plan:
        wanted[plan.max_length] = "as planned"
    return [
        Choice(length, _share(rows.total, length), _memory(facts, plan, length), why)
        for length, why in sorted(wanted.items())
    ]


def _share(totals: Sequence[int], length: int) -> float:
    return sum(total <= length for total in totals) / max(1, len(totals))


def _memory(facts: Facts, plan: Plan | None, length: int) -> str:
    shape, budget = facts.model.shape, facts.hardware.vram_gb
    if plan is None or shape is None:
        return "not known"
    needed = estimate(shape, replace(plan_job(plan), max_length=length)).needed
    text = f"{needed:.1f} GiB with micro_batch {plan.micro_batch}"
    return f"{text} of {budget:g}" if budget else text


def _composition(figures: dict[str, float]) -> list[tuple[str, dict[str, float]]]:
    found = []
    for title, start in TITLES.items():
        counts = {
            name.removeprefix(start): value
            for name, value in figures.items()
            if name.startswith(start) and value
        }
        if counts:
            found.append((title, counts))
    return found
