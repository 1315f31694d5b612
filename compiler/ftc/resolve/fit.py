"""Chooses what makes a run fit its card: batch, checkpointing, kernels, optimizer, ZeRO.

The choices and their order stand in the factor table (rows with `choices`). What only costs time
is free: of all that fits, the fastest is taken, from what fits with the formula's error on top if
there is any. What changes the result of training is given up in the table's order, and only when
nothing fits without. Source of the times: `ftc.memory.speed`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

from ftc.memory.cards import named
from ftc.memory.confidence import judge
from ftc.memory.formula import estimate
from ftc.memory.shape import Shape
from ftc.memory.speed import seconds_per_step
from ftc.plan import Origin
from ftc.resolve.batch import rows_per_card
from ftc.resolve.memory import sheet_job
from ftc.resolve.sheet import Sheet, overriding, shown

FREE = ("gradient_checkpointing", "liger_kernel", "zero_stage")  # change time and memory only
LEARNED = "optimizer"  # changes what is learned: the next choice only when nothing fits
SPARING = {"gradient_checkpointing": True}  # where the memory is not known
TIE = 0.02  # times closer than this count as equal (judgment: the times are no better than that)


@dataclass(frozen=True)
class Candidate:
    """One combination of settings: GiB on a card, at worst too, and seconds of a step."""

    settings: dict[str, Any]
    needed: float
    worst: float  # with the formula's error on measured runs of this kind
    seconds: float


@dataclass(frozen=True)
class Fitted:
    """How a search ended. `needed` is 0 where the budget or the shape is not known."""

    fits: bool
    needed: float = 0.0


def settle(sheet: Sheet) -> Fitted:
    """Settle all that the search decides, each with what it bought."""
    shape, budget = sheet.facts.model.shape, sheet.facts.hardware.vram_gb
    if sheet.facts.hardware.device == "cpu" or shape is None or budget is None:
        return _unsearched(sheet)
    search = Search(sheet, shape, budget)
    for name in sheet.offered(LEARNED):
        tried = [*search.candidates(name)]
        fitting = [each for each in tried if each.needed <= budget]
        if fitting:
            break
    roomy = [each for each in fitting if each.worst <= budget]
    best = _fastest(roomy or fitting or sorted(tried, key=lambda each: each.needed)[:1])
    for name, value in best.settings.items():
        sheet.put(name, value, search.origin(name, best, bool(fitting)))
    _evaluation(sheet, search, best)
    return Fitted(bool(fitting), best.needed)


def _fastest(fitting: list[Candidate]) -> Candidate:
    """The fastest; of those within TIE of it, the one that leaves most room."""
    least = min(each.seconds for each in fitting) * (1 + TIE)
    return min((each for each in fitting if each.seconds <= least), key=lambda each: each.needed)


class Search:
    """The combinations of one sheet, and what each of them needs."""

    def __init__(self, sheet: Sheet, shape: Shape, budget: float) -> None:
        self.sheet, self.shape, self.budget = sheet, shape, budget
        self.card = named(sheet.facts.hardware.name)
        self.sizes, self.limits = micro_batches(sheet)
        self.evaluates = 1 if sheet.values["eval_rows"] else 0

    def candidates(self, optimizer: Any) -> Iterator[Candidate]:
        """Every combination with one optimizer; larger micro-batches until one does not fit."""
        for chosen in product(*(offered(self.sheet, name) for name in FREE)):
            settings = {LEARNED: optimizer, **dict(zip(FREE, chosen, strict=True))}
            for size in reversed(self.sizes):
                candidate = self.candidate({**settings, "micro_batch": size})
                yield candidate
                if candidate.needed > self.budget:
                    break

    def candidate(self, settings: dict[str, Any]) -> Candidate:
        """What one combination needs and takes; evaluation one row at a time, as a lower bound."""
        passes = self.sheet.recipe.training.gradient_accumulation
        passes = passes or max(1, rows_per_card(self.sheet) // settings["micro_batch"])
        job = sheet_job(
            self.sheet,
            **settings,
            gradient_accumulation=passes,
            eval_batch=self.sheet.recipe.training.eval_batch or self.evaluates,
        )
        needed = estimate(self.shape, job).needed
        worst = needed * judge(self.shape, job, not self.shape.guessed).high
        return Candidate(settings, needed, worst, seconds_per_step(self.shape, job, self.card))

    def origin(self, name: str, best: Candidate, fits: bool) -> Origin:
        """Why a setting has its value: what it bought beside its other choices."""
        if name == "micro_batch":
            return self._batch_origin(best, fits)
        value, choices = best.settings[name], offered(self.sheet, name)
        decision = self.sheet.table_says(name, lambda choices: value)
        if self.sheet.said(name) is not None:
            table = self.sheet.table_says(name)
            return overriding(f"training.{name}", table.value, table)
        others = [other for other in choices if other != value]
        if not others:
            return decision.origin
        steps = tuple(self._bought(name, best, other) for other in others)
        origin = decision.origin
        chain = (*origin.steps, *steps)
        if name == LEARNED and value == choices[0]:  # the table's own choice: nothing was given up
            return replace(origin, steps=chain)
        return replace(origin, kind="budget", text=steps[0], steps=chain)

    def _bought(self, name: str, best: Candidate, other: Any) -> str:
        beside = self.candidate({**best.settings, name: other})
        saved = beside.needed - best.needed
        need = f"{_word(other)} ({beside.needed:.1f} GiB{self._verdict(beside)})"
        if abs(saved) < 0.05:
            room = f"as much memory as {need}"
        else:
            room = f"{abs(saved):.1f} GiB {'less' if saved > 0 else 'more'} than {need}"
        pace = beside.seconds / best.seconds - 1
        if abs(pace) < 0.005:
            return f"{room}, as fast"
        return f"{room}, {abs(pace):.0%} {'faster' if pace > 0 else 'slower'}"

    def _verdict(self, candidate: Candidate) -> str:
        if candidate.needed > self.budget:
            return ", which does not fit"
        return "" if candidate.worst <= self.budget else ", which may not fit"

    def _batch_origin(self, best: Candidate, fits: bool) -> Origin:
        said = self.sheet.recipe.training
        if said.micro_batch:
            return Origin("recipe", "recipe: training.micro_batch")
        if said.gradient_accumulation:
            effective = self.sheet.values["effective_batch"]
            return Origin("derived", f"{effective} rows per step over the accumulation")
        each = [
            (size, self.candidate({**best.settings, "micro_batch": size})) for size in self.sizes
        ]
        steps = tuple(f"micro-batch {size} needs {one.needed:.1f} GiB" for size, one in each)
        verb = "fits" if fits else "does not fit"
        text = f"needs {best.needed:.1f} GiB, {verb} into {shown(float(self.budget))} GiB"
        return Origin("budget", f"{text}{self.limits}", steps=steps)


def offered(sheet: Sheet, name: str) -> list[Any]:
    """What may be chosen for a setting; a table knows no whole numbers."""
    return [_whole(each) for each in sheet.offered(name)]


def micro_batches(sheet: Sheet) -> tuple[list[int], str]:
    """Micro-batches that may be taken, the largest first, and the limits that bit, as text."""
    said, rows = sheet.recipe.training, rows_per_card(sheet)
    if said.micro_batch:
        return [said.micro_batch], ""
    if said.gradient_accumulation:
        return [max(1, rows // said.gradient_accumulation)], ""
    allowed, bit = sheet.bounded("micro_batch", rows)
    sizes = [size for size in range(rows, 0, -1) if rows % size == 0 and size <= allowed]
    return sizes, "".join(f"; {limit.effect}" for limit in bit)


def _unsearched(sheet: Sheet) -> Fitted:
    """Without a card, its budget or the model's shape: the table's first choice, or the sparing."""
    cpu = sheet.facts.hardware.device == "cpu"
    for name in (*FREE, LEARNED):
        sheet.settle(name, _whole, choose=partial(_sparing, name))
    sizes, limits = micro_batches(sheet)
    said = sheet.recipe.training
    if said.micro_batch:
        sheet.fixed("micro_batch", sizes[0], "")
    elif said.gradient_accumulation:
        effective = sheet.values["effective_batch"]
        sheet.derived("micro_batch", sizes[0], f"{effective} rows per step over the accumulation")
    else:
        why = "on CPU" if cpu else "memory budget or model shape unknown: the smallest"
        sheet.derived("micro_batch", sizes[0 if cpu else -1], f"{why}{limits}", kind="budget")
    sheet.fixed("eval_batch", sheet.values["micro_batch"], "as the micro-batch")
    return Fitted(fits=True)


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) else value


def _sparing(name: str, choices: Sequence[Any]) -> Any:
    return SPARING.get(name, choices[0])


def _evaluation(sheet: Sheet, search: Search, best: Candidate) -> None:
    """The largest batch up to the micro-batch whose evaluation needs no more than the budget."""
    micro = best.settings["micro_batch"]
    if not search.evaluates or sheet.recipe.training.eval_batch:
        sheet.fixed("eval_batch", micro, "as the micro-batch")
        return
    limit = max(best.needed, search.budget)
    sizes = [size for size in range(micro, 0, -1) if micro % size == 0]
    for size in sizes:
        job = sheet_job(sheet, gradient_accumulation=1, eval_batch=size)
        needed = estimate(search.shape, job).needed
        if needed <= limit:
            break
    text = "as the micro-batch" if size == micro else "no fused loss when the model is evaluated"
    sheet.fixed("eval_batch", size, f"{text}: needs {needed:.1f} GiB")


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
