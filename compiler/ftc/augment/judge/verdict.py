"""What a judgment rests on and what it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ftc.augment.judge.rubric import Rubric, own
from ftc.augment.judge.shown import shown
from ftc.augment.question import Ask, Fault, Reply
from ftc.augmentation import Judge
from ftc.prep.rows import Row

CUT = 300  # characters of a reason that are kept


class Verdict(NamedTuple):
    """`score` is from 0 to 1; `said` are the marks as the model gave them, by "given", "aspects"
    or "orders"."""

    score: float
    reason: str
    said: Mapping[str, Any]  # Any: whole numbers and words


class Silence(NamedTuple):
    """No verdict: `asked` when the judge was asked and gave none that can be used."""

    asked: bool
    detail: str
    calls: tuple[str, ...] = ()


Found = list[Verdict | Silence]


@dataclass(frozen=True)
class Bench:
    """All that is needed to judge; `parents` are rows by id, as many as are at hand.

    Without a `rubric` the method's own is taken.
    """

    judge: Judge
    ask: Ask
    parents: Mapping[str, Row] = field(default_factory=dict)
    rubric: Rubric | None = None

    def asked(self, values: Sequence[Mapping[str, Any]], sample: int) -> Iterator[Reply | Fault]:
        """What the judge says to each of the values, in the method's prompt."""
        if not values:
            return iter(())
        prompt = f"judge-{self.judge.method}"
        return iter(self.ask(prompt, values, samples=[sample] * len(values)))

    def values(self) -> dict[str, Any]:  # Any: texts, and the list of levels
        """The rubric as a prompt takes it."""
        rubric = self.rubric or own(self.judge)
        return {"criterion": rubric.criterion, "levels": rubric.levels}

    def parent(self, row: Row) -> Row | None:
        """The nearest row that this one was made from and that answers something."""
        found = (self.parents.get(name) for name in row.parents)
        return next((it for it in found if it is not None and shown(it)), None)


def silence(fault: Fault, calls: tuple[str, ...] = ()) -> Silence:
    """What a question without a usable answer leaves."""
    detail = ": ".join(part for part in (fault.reason, fault.detail) if part)
    return Silence(True, detail, calls or (fault.key,))


def cut(reason: str) -> str:
    """A reason on one line."""
    return " ".join(reason.split())[:CUT]
