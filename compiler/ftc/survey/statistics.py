"""What the finished rows are like: tokens, lengths and their price in memory, composition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ftc.recipe import Recipe
from ftc.survey.steps import Survey

Progress = Callable[[str, int, int], None]


class Choice(NamedTuple):
    """A possible max_length: the share of rows that fit it, and the memory that it costs."""

    max_length: int
    fits: float
    memory: str
    why: str


@dataclass(frozen=True)
class Statistics:
    """`lengths` holds p50, p95, p99, max and sum of tokens for prompt, answer and total;
    `histogram` (from, to, rows); `composition` counts by title."""

    tokens_by: str
    lengths: dict[str, dict[str, float]]
    histogram: list[tuple[int, int, int]]
    max_length: int | None
    choices: tuple[Choice, ...]
    composition: dict[str, dict[str, float]]
    gaps: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self) | {"choices": [choice._asdict() for choice in self.choices]}


def statistics(
    path: Path,
    recipe: Recipe,
    folder: Path,
    state: Survey,
    full: bool,
    offline: bool,
    progress: Progress,
) -> Statistics | None:
    """Look at the finished rows; None when they are not all there."""
    raise NotImplementedError
