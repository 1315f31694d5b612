"""What the judge said in all, and whether it can be believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from math import sqrt
from typing import Any

from ftc.augment.judge.agreement import FEW
from ftc.augment.kind import Refused
from ftc.augmentation import Judge
from ftc.prep.rows import Row

SAME = 0.95  # share of rows with one score, from which a judge tells nothing apart (judgment)
SURE = 1.96  # standard errors: one in forty judges that see no difference passes for one that does
TORN = 0.4  # share of pairs decided by order; half of them would be by toss (judgment)
OURS = 0.2  # share of human rows below the threshold (judgment)


@dataclass
class Tally:
    """Counts of what `judged` gave, shard by shard."""

    scores: Counter[float] = field(default_factory=Counter)
    unjudged: int = 0
    torn: int = 0  # pairs in which the orders disagree

    def add(self, found: Iterable[Row | Refused]) -> None:
        """Count one shard."""
        for it in found:
            if isinstance(it, Refused):
                self.unjudged += 1
                continue
            note = it.notes["judge"]
            self.scores[note["score"]] += 1
            self.torn += note.get("orders") in (["A", "A"], ["B", "B"])


@dataclass(frozen=True)
class Scores:
    """Of made or of human rows; `below` the threshold, `spread` counts by score."""

    judged: int
    unjudged: int
    mean: float | None
    below: int
    torn: int
    spread: dict[str, int]


@dataclass(frozen=True)
class Verdicts:
    """`human_above` is how often a human row has the higher score of two, ties by half; `sure` when
    it is above one half by more than chance."""

    method: str
    threshold: float
    made: Scores
    human: Scores
    human_above: float | None
    sure: bool
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For the report."""
        return asdict(self)


def verdicts(made: Tally, human: Tally, judge: Judge) -> Verdicts:
    """What the counts say."""
    ours, theirs = _scores(human, judge.threshold), _scores(made, judge.threshold)
    above, sure = _above(human.scores, made.scores)
    return Verdicts(
        method=judge.method,
        threshold=judge.threshold,
        made=theirs,
        human=ours,
        human_above=above,
        sure=sure,
        warnings=tuple(_warnings(theirs, ours, sure=sure)),
    )


def _scores(tally: Tally, threshold: float) -> Scores:
    count = tally.scores.total()
    total = sum(score * number for score, number in sorted(tally.scores.items()))
    return Scores(
        judged=count,
        unjudged=tally.unjudged,
        mean=total / count if count else None,
        below=sum(number for score, number in tally.scores.items() if score < threshold),
        torn=tally.torn,
        spread={f"{score:g}": number for score, number in sorted(tally.scores.items())},
    )


def _above(one: Counter[float], other: Counter[float]) -> tuple[float | None, bool]:
    """Share of pairs in which `one` is higher, and whether that is more than chance gives: the test
    of Mann and Whitney, its normal approximation with the correction for ties."""
    n, m = one.total(), other.total()
    if not n or not m:
        return None, False
    higher = sum(a * b * ((x > y) + (x == y) / 2) for x, a in one.items() for y, b in other.items())
    both, total = one + other, n + m
    ties = sum(count**3 - count for count in both.values()) / (total * max(total - 1, 1))
    error = sqrt(n * m / 12 * max(total + 1 - ties, 0))
    return higher / (n * m), error > 0 and higher - n * m / 2 > SURE * error


def _warnings(made: Scores, human: Scores, *, sure: bool) -> Iterable[str]:
    if made.judged >= FEW:
        score, most = max(made.spread.items(), key=lambda item: item[1])
        if most >= SAME * made.judged:
            yield (
                f"the judge gave {most} of {made.judged} made rows the score {score}: "
                "it tells no rows apart"
            )
        if made.torn > TORN * made.judged:
            yield (
                f"the judge goes by the order in {made.torn} of {made.judged} pairs: "
                "it does not tell the rows of a pair apart"
            )
    if min(made.judged, human.judged) >= FEW and not sure:
        yield (
            f"the judge does not score your own rows higher (mean {human.mean:.2f}) than made ones "
            f"({made.mean:.2f}): either these are as good, or it does not see the difference"
        )
    if human.judged >= FEW and human.below > OURS * human.judged:
        yield f"the threshold would drop {human.below} of {human.judged} rows of your own"
