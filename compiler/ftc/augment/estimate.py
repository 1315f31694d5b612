"""What `ftc augment` will ask and pay, before it asks anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

from ftc.augment.calls import Totals
from ftc.augmentation import Endpoint, Limits

MILLION = 1_000_000


@dataclass(frozen=True)
class Figures:
    """`cost` is in the currency of the prices."""

    questions: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0

    @property
    def tokens(self) -> int:
        """Of prompts and answers."""
        return self.tokens_in + self.tokens_out

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.questions + other.questions,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.cost + other.cost,
        )


@dataclass(frozen=True)
class Line:
    """One prompt of a kind or of the judge, asked of one endpoint.

    `likely` is as if every seed came to its end, each question answered the first time. `most`
    has each asked as often as the endpoint's `attempts` and answered with all of `max_tokens`,
    each prompt as long as the longest that was rehearsed. `counted`: prompts were counted by a
    tokenizer, not from characters. `reached`: the rehearsal came as far as this prompt.
    """

    what: str  # the kind, or "judge"
    prompt: str
    endpoint: str
    likely: Figures
    most: Figures
    counted: bool = False
    reached: bool = True


@dataclass(frozen=True)
class Part:
    """A kind, or the judge: what it asks, and the rows that come of it.

    `complete`: some seed came to its end; otherwise later stages are a guess.
    """

    what: str
    seeds: int
    rows: int
    rows_most: int
    lines: tuple[Line, ...]
    complete: bool = True


class Stop(NamedTuple):
    """The limit that is reached first, and the share of the work that is done by then."""

    limit: Literal["rows", "tokens", "cost"]
    share: float


@dataclass(frozen=True)
class Estimate:
    """The estimates of all kinds and of the judge."""

    parts: tuple[Part, ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        """Of all parts."""
        return tuple(line for part in self.parts for line in part.lines)

    @property
    def likely(self) -> Figures:
        """All that will probably be asked."""
        return added(line.likely for line in self.lines)

    @property
    def most(self) -> Figures:
        """All that can be asked, as far as the rehearsal saw."""
        return added(line.most for line in self.lines)

    @property
    def rows(self) -> int:
        """Rows made, if no seed is refused."""
        return sum(part.rows for part in self.parts)

    def limit(self, limits: Limits, spent: Figures | None = None, rows: int = 0) -> Stop | None:
        """Where the likely figures meet a limit, None when they meet none.

        `spent` and `rows` are those of earlier runs: limits count them too.
        """
        spent, new = spent or Figures(), self.likely
        known = (
            Stop("rows", _share(limits.rows, rows, self.rows)),
            Stop("tokens", _share(limits.tokens, spent.tokens, new.tokens)),
            Stop("cost", _share(limits.cost, spent.cost, new.cost)),
        )
        first = min(known, key=lambda stop: stop.share)
        return first if first.share < 1 else None

    def seconds(
        self, models: Mapping[str, Endpoint], totals: Sequence[Totals] = ()
    ) -> dict[str, float | None]:
        """Likely seconds by endpoint: from the speed of earlier calls, with `in_flight` of them at
        a time, and from `per_minute`; None where neither is known."""
        found = {}
        for name in dict.fromkeys(line.endpoint for line in self.lines):
            new = added(line.likely for line in self.lines if line.endpoint == name)
            told = [it for it in totals if it.endpoint == name]
            waited, tokens = sum(it.seconds for it in told), sum(it.tokens_out for it in told)
            bounds = []
            if waited and tokens:
                bounds.append(new.tokens_out * waited / tokens / models[name].in_flight)
            if per_minute := models[name].per_minute:
                bounds.append(60 * new.questions / per_minute)
            found[name] = max(bounds, default=None)
        return found

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "rows": self.rows,
            "likely": asdict(self.likely),
            "most": asdict(self.most),
            "parts": [asdict(part) for part in self.parts],
        }


def figures(questions: float, tokens_in: float, tokens_out: float, endpoint: Endpoint) -> Figures:
    """So many questions with so many tokens each, at the endpoint's prices."""
    total_in, total_out = round(questions * tokens_in), round(questions * tokens_out)
    cost = (total_in * endpoint.price_in + total_out * endpoint.price_out) / MILLION
    return Figures(round(questions), total_in, total_out, cost)


def added(several: Iterable[Figures]) -> Figures:
    """Their sum."""
    return sum(several, Figures())


def _share(limit: float | None, spent: float, new: float) -> float:
    if limit is None or not new:
        return 1.0
    return max(0.0, min(1.0, (limit - spent) / new))
