"""What a run has asked and paid so far, and whether that is as much as the recipe allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ftc.augment.calls import Totals
from ftc.augment.providers import Answer
from ftc.augmentation import Endpoint, Limits


@dataclass(frozen=True)
class Progress:
    """How far a run is. `done` counts questions that came to an end, those that an earlier run
    answered among them; `asked` those that went to a model, and `failed` those of them without an
    answer that can be used. Tokens and cost are of this run, spoiled answers included."""

    done: int = 0
    asked: int = 0
    failed: int = 0
    in_flight: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0


class Meter:
    """Counts; `before` is what earlier runs have paid, which the limits hold for too."""

    def __init__(
        self,
        limits: Limits,
        before: Sequence[Totals],
        endpoints: Sequence[Endpoint],
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._limits, self._progress = limits, progress
        self._tokens = sum(it.tokens_in + it.tokens_out for it in before)
        self._cost = sum(it.cost for it in before)
        self._prices = any(it.price_in or it.price_out for it in endpoints)
        self.told = Progress()

    def paid(self, answer: Answer, endpoint: Endpoint) -> float:
        """Count an answer; what it has cost."""
        price = answer.tokens_in * endpoint.price_in + answer.tokens_out * endpoint.price_out
        told, cost = self.told, price / 1_000_000
        self.told = replace(
            told,
            tokens_in=told.tokens_in + answer.tokens_in,
            tokens_out=told.tokens_out + answer.tokens_out,
            cost=told.cost + cost,
        )
        return cost

    def ended(self, done: int, *, asked: int = 0, failed: int = 0, in_flight: int) -> None:
        """Count questions that came to an end."""
        told = self.told
        self.told = replace(
            told,
            done=told.done + done,
            asked=told.asked + asked,
            failed=told.failed + failed,
            in_flight=in_flight,
        )
        if self._progress is not None:
            self._progress(self.told)

    def reached(self) -> str:
        """Which limit is reached, "" when none is."""
        told, limits = self.told, self._limits
        tokens = self._tokens + told.tokens_in + told.tokens_out
        if limits.tokens is not None and tokens >= limits.tokens:
            return f"the limit of {limits.tokens} tokens is reached"
        if limits.cost is not None and self._prices and self._cost + told.cost >= limits.cost:
            return f"the limit of {limits.cost:g} for the cost is reached"
        return ""
