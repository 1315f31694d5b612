"""What to change when a run does not fit: the changes that would do, the cheapest first.

Cheap is what gives up least: first what only costs time, then what trains a little less, then
another method, then other hardware. The order is judgment. Every number is the memory formula's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from ftc.facts.records import Facts
from ftc.memory.cards import Card, cards
from ftc.memory.formula import estimate
from ftc.memory.shape import Shape
from ftc.plan import PATHS, Plan
from ftc.resolve.memory import plan_job

SHORTEST = 128  # tokens of a row; less is no chat
STEP = 64  # lengths are offered in multiples of this
SMALLEST_RANK = 4  # the least that the guide calls typical
MOST_CARDS = 16
ROOM = 0.95  # of the budget that a length of our choice may fill (judgment)


class Change(NamedTuple):
    """`text` says what to set or take; `needed` is GiB a card then."""

    text: str
    needed: float


def cheapest(facts: Facts, plan: Plan, count: int = 3) -> list[Change]:
    """At most `count` changes, each of which alone makes the plan fit; [] where nothing is known.

    Micro-batch and evaluation go down to one row with all of them: that changes no result.
    """
    shape, budget = facts.model.shape, facts.hardware.vram_gb
    if shape is None or budget is None or plan.device == "cpu":
        return []
    found: list[Change] = []
    for change in _Asked(facts, plan, shape, budget).changes():
        found.append(change)
        if len(found) == count:
            break
    return found


@dataclass(frozen=True)
class _Asked:
    facts: Facts
    plan: Plan
    shape: Shape
    budget: float

    def changes(self) -> Iterator[Change]:
        yield from self._same_result()
        yield from self._less()
        yield from self._method()
        yield from self._hardware()

    def needed(self, **changed: Any) -> float:
        """GiB a card with settings changed, one row at a time."""
        gpus = changed.get("gpus", self.plan.gpus)
        rows = max(1, self.plan.effective_batch // gpus)
        single = {"micro_batch": 1, "gradient_accumulation": rows, "eval_batch": 1}
        return estimate(self.shape, plan_job(self.plan, **{**single, **changed})).needed

    def _fitting(self, text: str, **changed: Any) -> Iterator[Change]:
        needed = self.needed(**changed)
        if needed <= self.budget:
            yield Change(text, needed)

    def _same_result(self) -> Iterator[Change]:
        """What only costs time; the search has tried it, but for what the recipe says."""
        plan = self.plan
        if plan.micro_batch > 1:
            each = max(1, plan.effective_batch // plan.gpus)
            text = "training.micro_batch = 1"
            if plan.origins["gradient_accumulation"].kind == "recipe":
                text += f" and gradient_accumulation = {each}"
            yield from self._fitting(text)
        for name, value in (("gradient_checkpointing", True), ("liger_kernel", True)):
            if getattr(plan, name) != value and plan.origins[name].kind == "recipe":
                yield from self._fitting(f"{PATHS[name]} = true", **{name: value})
        if plan.gpus > 1 and plan.zero_stage < 3 and plan.method != "qlora":
            yield from self._fitting("training.zero_stage = 3", zero_stage=3)

    def _less(self) -> Iterator[Change]:
        """A little less of everything: the optimizer's bits, the rank, the length."""
        plan = self.plan
        if "8bit" not in plan.optimizer and not plan.zero_stage:
            text = "training.optimizer = 'paged_adamw_8bit'"
            yield from self._fitting(text, optimizer="paged_adamw_8bit")
        rank = (plan.lora_rank or 0) // 2
        while rank >= SMALLEST_RANK:
            needed = self.needed(lora_rank=rank)
            if needed <= self.budget:
                yield Change(f"lora.rank = {rank}", needed)
                break
            rank //= 2
        length = self._longest()
        if length:
            text = f"training.max_length = {length}{self._lost(length)}"
            yield Change(text, self.needed(max_length=length))

    def _longest(self) -> int:
        """The largest multiple of STEP below the plan's length that fits and that the model knows;
        0 when none does."""
        most = min(self.plan.max_length - 1, self.shape.max_positions or self.plan.max_length)
        low, high = SHORTEST // STEP - 1, most // STEP
        while low < high:
            middle = (low + high + 1) // 2
            if self.needed(max_length=middle * STEP) <= ROOM * self.budget:
                low = middle
            else:
                high = middle - 1
        return low * STEP if low * STEP >= SHORTEST else 0

    def _lost(self, length: int) -> str:
        totals = self.facts.data.train.total
        if self.plan.stage == "pretrain" or not self.facts.data.train.exact:
            return ""
        over = sum(total > length for total in totals)
        return f" ({over} of {len(totals)} rows are longer and are left out)" if over else ""

    def _method(self) -> Iterator[Change]:
        """LoRA in place of full fine-tuning, QLoRA in place of LoRA."""
        order = {"full": ("lora", "qlora"), "lora": ("qlora",)}.get(self.plan.method, ())
        for method in order:
            if method == "qlora" and self.shape.quantized:
                continue
            changed = {
                "method": method,
                "quant_bits": 4 if method == "qlora" else 0,
                "lora_rank": self.plan.lora_rank or 16,
                "lora_dropout": self.plan.lora_dropout or 0.0,
                "lora_targets": self.plan.lora_targets or self.facts.model.linear_modules,
                "zero_stage": 0 if method == "qlora" else self.plan.zero_stage,
            }
            yield from self._fitting(f"method = '{method}'", **changed)

    def _hardware(self) -> Iterator[Change]:
        """The smallest card that would do, and the fewest cards of this one."""
        needed = self.needed()
        fitting = (card for card in cards() if card.gib >= needed and card.bf16)
        card = min(fitting, key=_rank, default=None)
        if card is not None:
            yield Change(f"a card with {card.memory_gb} GB, such as the {card.name}", needed)
        if self.plan.method == "qlora":
            return
        gpus = 2 * self.plan.gpus
        while gpus <= MOST_CARDS * self.plan.gpus:
            needed = self.needed(gpus=gpus, zero_stage=3)
            if needed <= self.budget:
                text = f"hardware.gpus = {gpus} with training.zero_stage = 3"
                yield Change(text, needed)
                return
            gpus *= 2


def _rank(card: Card) -> tuple[bool, float]:
    """NVIDIA's first, since the lock files are for CUDA; then the smallest."""
    return card.capability is None, card.gib
