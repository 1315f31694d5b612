"""docs/augment/benchmarks.md from what was measured."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from bench_data.measured import Result
from bench_data.page import number

from bench_augment import goals, ours, peers, rows
from bench_augment.goals import Verdict
from bench_augment.subjects import LATENCY, MANY, Subject
from ftc.prep.store import BATCH

PACKAGES = ("distilabel", "openai", "httpx2", "pyarrow")
METHOD = f"""\
Every method asks the same questions, which kind `{rows.KIND}` makes of rows of 12 words and an
answer of 100, bound to the same JSON schema, with {rows.IN_FLIGHT} in flight, of the same server on
loopback, which answers with some words. Each run is a process of its own, and so is its server.
Libraries are imported before the clock starts. Methods take turns; tables show the run of median
time and the range. CPU seconds are those of the process and of all that it started, the server
apart; memory is the peak above what was there when the clock started. ftc holds each answer against
its schema and keeps it in its ledger before anybody sees it; the others do neither. `ftc augment`
also reads the rows, makes new ones, cleans, deduplicates and checks these beside all others, counts
tokens and writes the files. Distilabel's Pipeline starts processes, as it does whenever one is
run; that is in its time."""


def page(
    subjects: Sequence[Subject], results: Sequence[Result], verdicts: Sequence[Verdict]
) -> str:
    """The page, with where and when it was made."""
    parts = [
        "<!-- Made by `make bench-augment`; do not edit. -->",
        "# `ftc augment`, measured",
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d}."
        " `make bench-augment` makes this page anew; its exit code is 1 when a goal is missed.",
        METHOD,
        "## Goals",
        reached(verdicts),
    ]
    for subject in subjects:
        some = [it for it in results if it.subject == subject.name]
        if some:
            made = many(some) if subject.name == MANY else table(some, late=subject.name == LATENCY)
            parts += [f"## {subject.title}", subject.words, made]
    found = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return "\n\n".join([*parts, "## Versions", f"{found}."]) + "\n"


def reached(verdicts: Sequence[Verdict]) -> str:
    """A line for each goal."""
    lines = ["| goal | at least, at most | reached | |", "|---|---|---|---|"]
    for verdict in verdicts:
        goal = verdict.goal
        bound = f"≥ {goal.least:g}" if goal.least is not None else f"≤ {number(goal.most or 0)}"
        told = f"{number(round(verdict.value, 3))} {goal.unit}"
        lines.append(f"| {goal.what} | {bound} | {told} | {met(verdict)} |")
    return "\n".join(lines)


def met(verdict: Verdict) -> str:
    """In a word."""
    return "met" if verdict.met else "**missed**"


def table(results: Sequence[Result], *, late: bool) -> str:
    """Methods by speed, the fastest first."""
    plain = next((it.wall for it in results if it.method == peers.PLAIN), 0.0)
    head = ["method", "rows", "rows/s", "seconds", "range", "time x plain", "CPU-s", "server CPU-s"]
    lines = [*_head([*head, "MB"])]
    for it in sorted(results, key=lambda it: (bool(it.why), it.wall)):
        if it.why:
            lines.append(f"| {name(it)} | {it.rows:,} | {it.why} |{' |' * 6}")
            continue
        ratio = f"{it.wall / plain:.2f}" if plain else ""
        cells = [
            name(it),
            f"{it.rows:,}",
            f"{it.rows / it.wall:,.0f}",
            f"{it.wall:.1f}",
            span(it),
            ratio,
            f"{it.cpu:.1f}",
            f"{it.scores['server CPU-s']:.1f}",
            f"{it.mb:.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    if late:
        most = max((it.scores.get("in flight", 0) for it in results), default=0)
        lines += ["", f"At most {most:.0f} questions were in flight at the server."]
    return "\n".join(lines)


def many(results: Sequence[Result]) -> str:
    """Methods by the number of rows, with what became of these."""
    what = ("answers", "made", "refused", "filtered", "kept")
    lines = [*_head(["method", "rows", *what, "seconds", "rows/s", "CPU-s", "MB"])]
    for it in sorted(results, key=lambda it: (it.method, it.rows)):
        if it.why:
            lines.append(f"| {name(it)} | {it.rows:,} | {it.why} |{' |' * 8}")
            continue
        cells = [name(it), f"{it.rows:,}", *(f"{it.scores[key]:,.0f}" for key in what)]
        cells += [f"{it.wall:,.0f}", f"{it.rows / it.wall:,.0f}", f"{it.cpu:,.0f}", f"{it.mb:,.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    grown = [f"`{name}` {number(round(goals.growth(name)(results)))} bytes" for name in ours.WHOLES]
    told = f"Rows go through in batches of {BATCH:,}. Once one is full, a row more takes"
    return "\n".join([*lines, "", f"{told}: {', '.join(grown)}."])


def name(result: Result) -> str:
    """Ours in bold."""
    return f"**{result.method}**" if result.ours else result.method


def span(result: Result) -> str:
    """The fastest and the slowest run."""
    told = result.scores
    return "one run" if told["runs"] == 1 else f"{told['least']:.1f}–{told['most']:.1f}"


def _head(names: Sequence[str]) -> tuple[str, str]:
    return f"| {' | '.join(names)} |", "|---" * len(names) + "|"
