"""What a training set lacks, read from the figures of the step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ftc.prep.diversity.task import TASKS
from ftc.prep.diversity.tone import TONES
from ftc.preparation.diversity import Diversity

LENGTHS = ("short", "medium", "long")
DIFFICULTIES = ("easy", "medium", "hard")
AXES: dict[str, tuple[str, ...]] = {
    "task": TASKS,
    "tone": TONES,
    "length": LENGTHS,
    "difficulty": DIFFICULTIES,
}
MOST_DOUBTFUL = 20  # rows below which repetition says nothing


class Gap(NamedTuple):
    """`name` is axis.label, or a measure of repetition; `share` of the rows, or the measure."""

    name: str
    have: int
    share: float
    why: str


def gaps(figures: Mapping[str, float], settings: Diversity | None = None) -> list[Gap]:
    """Labels that are missing or rare, and repetition past its bound; axis by axis, as listed."""
    wanted = settings or Diversity()
    total = figures.get("diversity.asked", 0.0)
    if not total:
        return []
    found: list[Gap] = []
    for axis, labels in AXES.items():
        aims = wanted.aims.get(axis, {})
        for label in aims or labels:
            have = int(figures.get(f"diversity.{axis}.{label}", 0))
            share = round(have / total, 4)
            why = _aim(have, aims[label]) if aims else _rare(have, share, wanted.min_share)
            if why:
                found.append(Gap(f"{axis}.{label}", have, share, why))
    return found + _repetition(figures, wanted, int(total))


def _aim(have: int, aim: int) -> str:
    return f"{have} of {aim} rows wanted" if have < aim else ""


def _rare(have: int, share: float, least: float) -> str:
    if not have and least:
        return "no rows"
    return f"{share:.1%} of the rows, below {least:.1%}" if share < least else ""


def _repetition(figures: Mapping[str, float], wanted: Diversity, total: int) -> list[Gap]:
    if total < MOST_DOUBTFUL:
        return []
    found = []
    top = figures.get("diversity.top_opening_share", 0.0)
    if top > wanted.max_opening:
        why = f"{top:.0%} of the instructions begin with the same three words"
        found.append(Gap("opening", total, top, why))
    pairs = figures.get("diversity.distinct_2", 1.0)
    if pairs < wanted.min_distinct:
        why = f"only {pairs:.0%} of the word pairs in the answers are different"
        found.append(Gap("distinct", total, pairs, why))
    return found
