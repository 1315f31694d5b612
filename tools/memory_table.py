"""Compares the memory formula with published measurements, and writes what follows from it.

`python tools/memory_table.py` prints one line per group of rows of `measured.csv`; `-v` every
row. `--write` puts the tables into docs/memory.md and the ranges into `confidence.toml`;
`--check` fails when they are not those of today.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "compiler"))

import tomllib  # noqa: E402 - after the line above, with the rest

from ftc.memory import confidence, measured  # noqa: E402 - found by the line above
from ftc.memory.formula import Shape  # noqa: E402
from ftc.memory.nearest import predicted  # noqa: E402

SHAPES = ROOT / "tests" / "memory" / "shapes.toml"
PAGE = ROOT / "docs" / "memory.md"
START, END = "<!-- made by tools/memory_table.py -->", "<!-- end of the table -->"
POOLED = ("canifinetune", "peft", "axolotl", "capacity", "torchtune")


class Compared(NamedTuple):
    """A measured row and what the formula says of the same metric, GiB."""

    row: measured.Row
    predicted: float

    @property
    def group(self) -> str:
        """The training loop."""
        return self.row.group

    @property
    def error(self) -> float:
        """Share by which the formula is above (+) or below (-) the measurement."""
        return self.predicted / self.row.gib - 1


def shapes() -> dict[str, Shape]:
    """The model shapes of the tests by name."""
    known = {part.name for part in fields(Shape)}
    table = tomllib.loads(SHAPES.read_text(encoding="utf-8"))
    return {
        name: Shape(**{key: value for key, value in row.items() if key in known})
        for name, row in table.items()
    }


def rows() -> list[Compared]:
    """Every shipped row with its prediction."""
    return [Compared(row, predicted(row)) for row in measured.shipped()]


def table(compared: Iterable[Compared]) -> str:
    """Markdown: rows, median and 90th percentile of the absolute error, bias, rows 10 % below."""
    groups: dict[str, list[float]] = {}
    for one in compared:
        groups.setdefault(f"{one.group}, {one.row.metric}", []).append(one.error)
        if one.group in POOLED:
            groups.setdefault("**the five stacks nearest to ours, pooled**", []).append(one.error)
    order = sorted(groups, key=lambda name: (name.startswith("**"), name))
    lines = [
        "| runs, metric | rows | median error | 90 % within | bias | more than 10 % too low |",
        "|---|---|---|---|---|---|",
        *(_line(name, groups[name]) for name in order),
    ]
    return "\n".join(lines)


def ninety(errors: Iterable[float]) -> float:
    """The 90th percentile of the absolute errors."""
    sizes = sorted(abs(error) for error in errors)
    return sizes[min(len(sizes) - 1, round(0.9 * (len(sizes) - 1)))]


def _line(name: str, errors: list[float]) -> str:
    low = sum(error < -0.1 for error in errors)
    return (
        f"| {name} | {len(errors)} | {statistics.median(map(abs, errors)):.1%} "
        f"| {ninety(errors):.1%} | {statistics.median(errors):+.1%} | {low} |"
    )


def ranges(compared: Iterable[Compared]) -> str:
    """`confidence.toml`: for each class of jobs the rows, and the factors measured/predicted that
    nine in ten of them lie between (5th and 95th percentile), 1 always included."""
    whole = [one for one in compared if one.row.metric != "reserved" or one.group != "ms-swift"]
    classes: dict[str, Callable[[Compared], bool]] = {
        "one card": lambda one: one.row.job.gpus == 1 and not one.row.job.zero_stage,
        "several cards": lambda one: one.row.job.gpus > 1 or bool(one.row.job.zero_stage),
        "unmeasured": lambda one: True,
        "unknown architecture": lambda one: True,
    }
    text = [
        "# Ranges of the estimate by class of job, computed by tools/memory_table.py --write from",
        "# measured.csv: n rows; ninety: nine in ten errors are within; low, high: 5th and 95th",
        "# percentile of measured/predicted, widened to hold 1.",
    ]
    for name, member in classes.items():
        factors = sorted(one.row.gib / one.predicted for one in whole if member(one))
        errors = [one.error for one in whole if member(one)]
        last = len(factors) - 1
        text += [
            f'\n["{name}"]',
            f"n = {len(factors)}",
            f"ninety = {ninety(errors):.4f}",
            f"low = {min(1.0, factors[int(0.05 * last)]):.4f}",
            f"high = {max(1.0, factors[last - int(0.05 * last)]):.4f}",
        ]
    return "\n".join(text) + "\n"


def page(text: str, block: str) -> str:
    """The documentation page with the table between its two marks replaced."""
    before, rest = text.split(START, 1)
    return f"{before}{START}\n\n{block}\n\n{END}{rest.split(END, 1)[1]}"


def made(compared: list[Compared]) -> dict[Path, str]:
    """Every file that this tool makes, with its text of today."""
    return {
        PAGE: page(PAGE.read_text(encoding="utf-8"), table(compared)),
        confidence.TABLE: ranges(compared),
    }


def main() -> int:
    """Print the table, write the files, or check them; the exit code."""
    compared = rows()
    if "-v" in sys.argv:
        for one in compared:
            figures = f"{one.error:+7.1%} {one.row.gib:7.2f} {one.predicted:7.2f}"
            print(f"{figures} {one.row.id}")
    if "--write" in sys.argv:
        for path, text in made(compared).items():
            path.write_text(text, encoding="utf-8")
    elif "--check" in sys.argv:
        old = [path for path, text in made(compared).items() if path.read_text() != text]
        for path in old:
            print(f"{path.relative_to(ROOT)}: out of date, run tools/memory_table.py --write")
        return 1 if old else 0
    else:
        print(table(compared))
    return 0


if __name__ == "__main__":
    sys.exit(main())
