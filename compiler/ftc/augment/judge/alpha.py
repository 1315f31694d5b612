"""Krippendorff's alpha: agreement beyond what chance gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

LEAST = 0.667  # "the lowest conceivable limit" for tentative conclusions; Krippendorff 2004, p. 241


def nominal(one: float, other: float) -> float:
    """Distance of two decisions."""
    return float(one != other)


def interval(one: float, other: float) -> float:
    """Distance of two scores."""
    return (one - other) ** 2


def alpha(
    units: Iterable[Sequence[float]], distance: Callable[[float, float], float]
) -> float | None:
    """1 for full agreement, 0 for that of chance, below 0 for less.

    A unit holds the values that several runs gave one row; one with fewer than two is left out.
    None when all values are the same, as nothing is told apart then. Krippendorff, Computing
    Krippendorff's Alpha-Reliability (2011).
    """
    values: Counter[float] = Counter()
    seen = 0.0  # disagreement within units
    for unit in units:
        if len(unit) < 2:
            continue
        values.update(unit)
        pairs = sum(distance(one, other) for one in unit for other in unit)
        seen += pairs / (len(unit) - 1)
    total = values.total()
    expected = sum(
        count * others * distance(one, other)
        for one, count in values.items()
        for other, others in values.items()
    )
    return None if expected == 0 else 1 - seen * (total - 1) / expected
