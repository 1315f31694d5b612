"""Measures start-up and build times as ratios, in one run, and writes docs/benchmarks.md.

Each figure is CPU time (user and system) of whole processes, started in turn so that a busy
machine treats both sides alike; the table shows the median and the range of the ratios of pairs.
"""

from __future__ import annotations

import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
RUNS = 15
# What `ftc build` of a local recipe needs at run time, imported and nothing more.
LIBRARIES = "import click, jinja2, pydantic, tokenizers, yaml"


@dataclass(frozen=True)
class Pair:
    """A command of ours against what it is measured by, and the goal for the ratio."""

    name: str
    ours: list[str]
    theirs: list[str]
    goal: float


def pairs(out: str) -> list[Pair]:
    """The pairs of the page; `out` takes the build folders."""
    python = sys.executable
    build = [python, "-m", "ftc", "build", "--offline", "--out", out]
    libraries = [python, "-c", LIBRARIES]
    help_ = [python, "-m", "ftc", "--help"]
    recipe = str(ROOT / "recipes" / "instagram-scripts.toml")
    rows = [
        Pair("`ftc --help`, against `import click`", help_, [python, "-c", "import click"], 1.3)
    ]
    for backend in ("axolotl", "llamafactory"):
        command = [*build, recipe, "--backend", backend]
        name = f"`ftc build` of the demo for {backend}, against importing its libraries"
        rows.append(Pair(name, command, libraries, 1.3))
    return rows


def main() -> int:
    """Measure and write the page; exit code 1 when a goal is missed."""
    with tempfile.TemporaryDirectory() as folder:
        lines, missed = [], []
        for pair in pairs(f"{folder}/build"):
            ours, theirs = measured(pair, compiled(f"{folder}/bytecode"))
            ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
            middle = statistics.median(ratios)
            verdict = "yes" if middle <= pair.goal else "no"
            missed += [pair.name] if verdict == "no" else []
            lines.append(
                f"| {pair.name} | {statistics.median(ours):.3f} | {statistics.median(theirs):.3f} "
                f"| {middle:.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | {pair.goal} "
                f"| {verdict} |"
            )
            print(lines[-1], flush=True)
    PAGE.write_text(page(lines), "utf-8")
    for name in missed:
        print(f"goal missed: {name}", file=sys.stderr)
    return int(bool(missed))


def compiled(folder: str) -> dict[str, str]:
    """The environment of both sides: bytecode is kept in `folder`, as pip keeps it at install."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": folder}


def measured(pair: Pair, environment: dict[str, str]) -> tuple[list[float], list[float]]:
    """CPU seconds of each side, run in turn; the first pair warms the caches and is left out."""
    ours, theirs = [], []
    for number in range(RUNS + 1):
        times = seconds(pair.ours, environment), seconds(pair.theirs, environment)
        if number:
            ours.append(times[0])
            theirs.append(times[1])
    return ours, theirs


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """User and system seconds of one process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def page(lines: list[str]) -> str:
    """The page, with where and when it was made."""
    return "\n".join(
        [
            "<!-- Made by `make bench`; do not edit. -->",
            "",
            "# Benchmarks",
            "",
            f"CPU seconds of whole processes, {RUNS} pairs run in turn, median; the ratio with its",
            f"range. Python {platform.python_version()}, {os.cpu_count()} cores, "
            f"{datetime.now(UTC):%Y-%m-%d}. `make bench` makes this page anew.",
            "",
            "| what | ours | theirs | ratio | goal | met |",
            "|---|---|---|---|---|---|",
            *lines,
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
