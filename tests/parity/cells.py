"""Tokens and labels: a cell for each family, kind of rows and mode."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ftc.parity.report import Group, Report
from parity import matrix, pairs
from parity.matrix import Case
from parity.pairs import Bench, Pair

MODES = ("native", "exact")
State = Literal["equal", "harmless", "known", "refused", "unexplained"]
WORDS: dict[State, str] = {
    "equal": "equal",
    "harmless": "equal, but for one line break a turn",
    "known": "known difference",
    "refused": "no build",
    "unexplained": "not equal",
}


@dataclass(frozen=True)
class Cell:
    """What came of one case; `groups` are its differences, `text` says why there is no build."""

    case: Case
    state: State
    rows: int = 0
    tokens: int = 0
    groups: tuple[Group, ...] = ()
    text: str = ""

    @property
    def good(self) -> bool:
        """The goal is met: equal or on the list; with exact tokens nothing is on the list."""
        allowed = ("equal", "refused") if self.case.tokens == "exact" else tuple(WORDS)[:4]
        return self.state in allowed


def cells(bench: Bench, families: Iterable[str], modes: Sequence[str] = MODES) -> list[Cell]:
    """Every kind of rows of the families, in every mode."""
    families = tuple(families)
    made = pairs.built(bench, [it for mode in modes for it in matrix.cases(families, mode)])
    reports = pairs.compared(bench, made, "tokens")
    return [_cell(pair, report) for pair, report in zip(made, reports, strict=True)]


def _cell(pair: Pair, report: Report | None) -> Cell:
    if report is None:
        return Cell(pair.case, "refused", text=pair.refused)
    return Cell(
        pair.case, _state(report), report.counts.aligned, report.counts.tokens, report.groups
    )


def _state(report: Report) -> State:
    """Values of the run count too: a report is equal when its verdict is."""
    unexplained = report.counts.unexplained or not report.counts.aligned
    if not report.equal:
        return "known" if report.counts.known and not unexplained else "unexplained"
    return "harmless" if report.groups else "equal"
