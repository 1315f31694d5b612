"""Counts what a kind or the judge asks, beside asking it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from ftc.augment.question import Ask, Fault, Reply


@dataclass
class Counts:
    """Questions of one kind. `seconds` are of waiting, added up over questions in flight together;
    `tokens_in`, `tokens_out` and `seconds` are those of replies, whenever they were paid for."""

    asked: int = 0
    paid: int = 0
    failed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, it.name) + getattr(other, it.name) for it in fields(self)))


class Counted:
    """An `Ask` that keeps `Counts`; may be called from several threads."""

    def __init__(self, ask: Ask) -> None:
        self.counts = Counts()
        self._ask = ask
        self._lock = threading.Lock()

    def __call__(
        self,
        prompt: str,
        values: Sequence[Mapping[str, Any]],
        *,
        samples: Sequence[int] | None = None,
        model: str | None = None,
    ) -> list[Reply | Fault]:
        """As `Ask`."""
        found = self._ask(prompt, values, samples=samples, model=model)
        with self._lock:
            for it in found:
                self._count(it)
        return found

    def _count(self, it: Reply | Fault) -> None:
        counts = self.counts
        counts.asked += 1
        if isinstance(it, Fault):
            counts.failed += 1
            counts.faults[it.reason] += 1
            return
        counts.paid += it.paid
        counts.tokens_in += it.tokens_in
        counts.tokens_out += it.tokens_out
        counts.seconds += it.seconds
