"""What the finished rows are like: tokens, lengths and their price in memory, composition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from ftc.augment.aims import suggest
from ftc.data.example import Dataset
from ftc.errors import FtcError
from ftc.factors.table import load
from ftc.facts import hardware, model, tokens
from ftc.facts.gather import data_facts
from ftc.facts.records import DataFacts, Facts, Lengths
from ftc.memory.formula import estimate
from ftc.plan import Plan
from ftc.prep.diversity import Gap, gaps
from ftc.prep.finished import folders
from ftc.prep.lengths import TokenLengths, measure
from ftc.progress import Progress
from ftc.recipe import Recipe, Stage
from ftc.resolve import resolve
from ftc.resolve.memory import plan_job
from ftc.survey.steps import Survey

GRAIN = 64  # tokens: lengths are rounded up to it (judgment; what tensor cores want is 8)
STANDING = 2_000  # rows that stand for all of them in a plan
TITLES = {  # what is counted, by the start of the figure's name
    "task types": "diversity.task.",
    "tones": "diversity.tone.",
    "lengths of answers": "diversity.length.",
    "difficulty": "diversity.difficulty.",
    "flags": "quality.flag.",
    "cleaned": "clean.",
    "personal data": "pii.",
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
    """Tokens of prompt, answer and whole rows, possible lengths, and `composition`: counts by
    title. `seen` says how many rows were counted, and how. `make` are tables of `[[augment.make]]`
    that would fill the gaps, without those that the recipe has."""

    seen: str
    tokens: TokenLengths
    max_length: int | None
    choices: tuple[Choice, ...]
    composition: dict[str, dict[str, float]]
    gaps: tuple[str, ...]
    make: tuple[dict[str, str | int], ...]

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
    lengths = measure(
        [steps[-1].rows(batch.name) for batch in last.batches],
        tokens.counter(found),
        seed=recipe.seed,
        full=full,
        progress=lambda done, total: progress("tokens", done, total),
    )
    if lengths is None:
        return None
    facts = Facts(found, _data(lengths, recipe.stage), hardware.gather(recipe.hardware), ())
    plan = _plan(recipe, folder, facts)
    figures = {name: value for step in state.steps for name, value in step.figures.items()}
    prepare = recipe.preparation
    return Statistics(
        _seen(lengths),
        lengths,
        plan.max_length if plan else recipe.training.max_length,
        tuple(_choices(lengths, facts, plan)),
        dict(_composition(figures)),
        tuple(map(_told, gaps(figures, prepare.diversity if prepare else None))),
        tuple(_missing(recipe, figures)),
    )


def _seen(lengths: TokenLengths) -> str:
    rows = f"all {lengths.rows:,} rows"
    if lengths.counted + lengths.refused < lengths.rows:
        rows = f"{lengths.counted:,} of {lengths.rows:,} rows, the longest among them"
    if not lengths.tokenizer:
        return f"estimated from bytes, {rows}: the model's tokenizer is not at hand"
    return f"counted by the model's tokenizer, {rows}"


def _told(gap: Gap) -> str:
    return f"{gap.name}: {gap.why}"


def _missing(recipe: Recipe, figures: dict[str, float]) -> Iterator[dict[str, str | int]]:
    """What models could make: chats, so that other stages get no proposal."""
    if recipe.stage != "sft":
        return
    have = recipe.augmentation.make if recipe.augmentation else []
    prepare = recipe.preparation
    for wanted in suggest(figures, prepare.diversity if prepare else None):
        asked = {key: value for key, value in wanted.items() if key != "rows"}
        if not any(asked.items() <= make.model_dump().items() for make in have):
            yield wanted


def _data(lengths: TokenLengths, stage: Stage) -> DataFacts:
    """The rows as `resolve` sees them, as far as lengths go: STANDING rows in their proportions."""
    totals = [
        bar.end - 1
        for bar in lengths.histogram
        for _ in range(round(STANDING * bar.rows / max(lengths.rows, 1)))
    ]
    totals = [min(total, lengths.total.max) for total in totals] + [lengths.total.max]
    part = Lengths(lengths.exact, totals, totals, totals)
    none = data_facts(Dataset("", "", (), (), (), 0), stage, None)
    return replace(none, train=part)


def _plan(recipe: Recipe, folder: Path, facts: Facts) -> Plan | None:
    """The plan that these rows would get; None when nothing can be worked out from them."""
    try:
        return resolve(recipe, facts, load([folder / name for name in recipe.factors.tables]))
    except FtcError:
        return None


def _choices(lengths: TokenLengths, facts: Facts, plan: Plan | None) -> list[Choice]:
    """p95, p99 and the longest row as max_length, and the plan's own."""
    total = lengths.total
    wanted: dict[int, str] = {}
    for most, why in ((total.p95, "19 of 20 rows"), (total.p99, "99 of 100"), (total.max, "all")):
        wanted.setdefault(-(-most // GRAIN) * GRAIN, f"for {why}")
    if plan:
        wanted[plan.max_length] = "as planned"
    return [
        Choice(length, _share(lengths, length), _memory(facts, plan, length), why)
        for length, why in sorted(wanted.items())
    ]


def _share(lengths: TokenLengths, limit: int) -> float:
    """The share of rows of at most `limit` tokens, within a bar by proportion."""
    if limit >= lengths.total.max:
        return 1.0
    rows = 0.0
    for bar in lengths.histogram:
        rows += bar.rows * min(max((limit + 1 - bar.start) / (bar.end - bar.start), 0.0), 1.0)
    return rows / max(sum(bar.rows for bar in lengths.histogram), 1)


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
