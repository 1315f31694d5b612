"""The goals of the data steps: per core, for 1 M rows of about 150 words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from bench_data.measured import Result

MILLION = 1_000_000
Value = Callable[[Result], float]


class Goal(NamedTuple):
    """`value` of our method's result must be at most `most`, or at least `least`.

    `unit` is how it is written. With `scaled` the figure is a time that is stated for 1 M rows and
    is taken in proportion where fewer were run. Looked for in the largest run of the subject.
    """

    subject: str
    what: str
    value: Value
    unit: str = ""
    least: float | None = None
    most: float | None = None
    scaled: bool = False
    method: str = ""  # when the subject has several of ours


def _score(name: str) -> Value:
    return lambda result: result.scores.get(name, float("nan"))


def _cpu(result: Result) -> float:
    return result.cpu


def _mb(result: Result) -> float:
    return result.mb


def _speed(result: Result) -> float:
    return result.speed


def _bytes(result: Result) -> float:
    return result.scores.get("file MB", float("nan")) / result.cpu


GOALS = (
    Goal("read", "JSON lines: 500,000 rows of 674 bytes", _bytes, "MB/CPU-s", least=337),
    Goal("exact", "exact duplicates", _speed, "rows/CPU-s", least=500_000, method="byte"),
    Goal("exact", "exact duplicates: recall", _score("recall"), least=1.0, method="normalised"),
    Goal("near", "near duplicates", _cpu, "CPU-s", most=35, scaled=True),
    Goal("near", "near duplicates: memory", _mb, "MB", most=1024),
    Goal("near", "near duplicates: recall", _score("recall"), least=0.995),
    Goal("near", "near duplicates: recall in templates", _score("templates"), least=0.995),
    Goal("near", "near duplicates: precision", _score("precision"), least=1.0),
    Goal("contamination", "contamination", _cpu, "CPU-s", most=30, scaled=True),
    Goal("contamination", "contamination: verbatim", _score("verbatim"), least=1.0),
    Goal("contamination", "contamination: other case", _score("case"), least=0.95),
    Goal("contamination", "contamination: other punctuation", _score("punctuation"), least=0.95),
    Goal("contamination", "contamination: 3 % edits", _score("edits 3 %"), least=0.95),
    Goal("contamination", "contamination: clean flagged", _score("clean flagged"), most=0.01),
    Goal(
        "pii",
        "structured personal data, 1.2 pieces a row",
        _speed,
        "rows/CPU-s",
        least=12_000,
        method="step",
    ),
    Goal(
        "sparse",
        "structured personal data in one row of ten",
        _speed,
        "rows/CPU-s",
        least=12_000,
        method="step",
    ),
    Goal(
        "pii",
        "structured personal data: recall of the worst kind",
        _score("worst recall"),
        least=0.98,
        method="alone",
    ),
    Goal(
        "pii",
        "structured personal data: precision of the worst kind",
        _score("worst precision"),
        least=0.97,
        method="alone",
    ),
    Goal("names", "names: recall", _score("recall"), least=0.85),
    Goal("names", "names: precision", _score("precision"), least=0.85),
    Goal("mojibake", "mojibake: cp1252", _score("cp1252"), least=1.0, method="alone"),
    Goal("mojibake", "mojibake: latin1", _score("latin1"), least=1.0, method="alone"),
    Goal("mojibake", "mojibake: double cp1252", _score("double cp1252"), least=1.0, method="alone"),
    Goal("mojibake", "mojibake: double latin1", _score("double latin1"), least=1.0, method="alone"),
    Goal("mojibake", "mojibake: all", _score("repaired"), least=0.99, method="alone"),
    Goal("mojibake", "sound texts changed", _score("sound changed"), most=0.0, method="alone"),
    Goal("tokens", "token statistics, sample", _cpu, "CPU-s", most=4, method="sample"),
    Goal(
        "tokens",
        "token statistics, sample: p99 off by",
        _score("p99 off"),
        most=0.01,
        method="sample",
    ),
    Goal("tokens", "token statistics, full", _cpu, "CPU-s", most=160, scaled=True, method="full"),
    Goal(
        "engine",
        "embedded in one process against a plain loop",
        _score("ratio"),
        "x",
        most=1.05,
        method="one process",
    ),
    Goal(
        "engine",
        "embedded on all cores against a plain loop on each",
        _score("each"),
        "x",
        most=1.05,
        method="all cores",
    ),
    Goal("engine", "Ray beyond twice a plain loop", _score("beyond"), "s", most=5, method="Ray"),
)


class Verdict(NamedTuple):
    """What was reached; `met` is None where nothing was measured."""

    goal: Goal
    rows: int
    value: float
    bound: float
    met: bool | None


def verdicts(results: Sequence[Result]) -> list[Verdict]:
    """Every goal against our largest run."""
    return [_verdict(goal, results) for goal in GOALS]


def _verdict(goal: Goal, results: Sequence[Result]) -> Verdict:
    ours = [
        result
        for result in results
        if result.ours and result.subject == goal.subject and goal.method in result.method
    ]
    bound = goal.least if goal.least is not None else goal.most
    assert bound is not None, goal.what
    if not ours or ours[-1].why:
        return Verdict(goal, 0, float("nan"), bound, None)
    last = max(ours, key=lambda result: result.rows)
    value = goal.value(last)
    if goal.scaled:
        bound *= last.rows / MILLION
    met = value >= bound if goal.least is not None else value <= bound
    return Verdict(goal, last.rows, value, bound, met)
