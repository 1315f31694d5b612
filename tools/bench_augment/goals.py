"""The goals of `ftc augment`, and whether they are met."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from bench_data.measured import Result

from bench_augment import ours, peers
from bench_augment.subjects import INSTANT, LATENCY, MANY
from ftc.prep.store import BATCH

Value = Callable[[Sequence[Result]], float]


class Goal(NamedTuple):
    """`value` of the results of a subject must be at least `least`, or at most `most`; NaN where it
    is missing."""

    subject: str
    what: str
    value: Value
    unit: str = ""
    least: float | None = None
    most: float | None = None

    def met(self, value: float) -> bool:
        """Whether a value is as good as it must be."""
        if math.isnan(value):
            return False
        return value >= self.least if self.least is not None else value <= (self.most or 0.0)


class Verdict(NamedTuple):
    """What was reached."""

    goal: Goal
    value: float
    met: bool


def _speed(mine: str, *others: str) -> Value:
    """Rows per second of ours over those of the fastest of the others."""

    def value(found: Sequence[Result]) -> float:
        fastest = min((_wall(found, name) for name in others), default=math.nan)
        return fastest / _wall(found, mine)

    return value


def _time(mine: str, other: str) -> Value:
    return lambda found: _wall(found, mine) / _wall(found, other)


def _wall(found: Iterable[Result], method: str) -> float:
    return next((it.wall for it in found if it.method == method and not it.why), math.nan)


def peak(method: str) -> Value:
    """MB above the start, with the most rows."""
    return lambda found: max(_sizes(found, method), default=(0, math.nan))[1]


def growth(method: str) -> Value:
    """Bytes that each row more takes, from the fewest rows that fill a batch to the most."""

    def value(found: Sequence[Result]) -> float:
        some = [it for it in _sizes(found, method) if it[0] > BATCH]
        if len(some) < 2:
            return math.nan
        (few, small), (many, large) = min(some), max(some)
        return (large - small) * (1 << 20) / (many - few)

    return value


def _sizes(found: Iterable[Result], method: str) -> list[tuple[int, float]]:
    return [(it.rows, it.mb) for it in found if it.method == method and not it.why]


GOALS = (
    Goal(
        INSTANT,
        "asking alone, beside a Distilabel Task in process (the faster of two)",
        _speed(ours.ASKER, peers.TASK, peers.BATCHES),
        "x its rows/s",
        least=0.9,
    ),
    Goal(
        INSTANT,
        "asking alone, beside Distilabel's Pipeline as shipped",
        _speed(ours.ASKER, peers.PIPELINE),
        "x its rows/s",
        least=2,
    ),
    Goal(
        INSTANT,
        "all of `ftc augment`, beside Distilabel's Pipeline as shipped",
        _speed(ours.WHOLE, peers.PIPELINE),
        "x its rows/s",
        least=2,
    ),
    Goal(
        LATENCY,
        "asking alone, beside the plain client",
        _time(ours.ASKER, peers.PLAIN),
        "x its time",
        most=1.2,
    ),
    Goal(
        LATENCY,
        "all of `ftc augment`, beside the plain client",
        _time(ours.WHOLE, peers.PLAIN),
        "x its time",
        most=1.2,
    ),
    *(Goal(MANY, f"memory of `{name}`", peak(name), "MB", most=1024) for name in ours.WHOLES),
)


def verdicts(results: Sequence[Result]) -> list[Verdict]:
    """Every goal whose subject was measured."""
    found = []
    for goal in GOALS:
        some = [it for it in results if it.subject == goal.subject]
        if some:
            value = goal.value(some)
            found.append(Verdict(goal, value, goal.met(value)))
    return found
