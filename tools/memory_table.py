"""Compares the memory formula with published measurements; `--write` puts the table in the docs.

`python tools/memory_table.py` prints one line per group of rows of `tests/memory/measured.csv`.
The rows are other people's figures; the columns after `unit` are the `Job` of each run.
"""

from __future__ import annotations

import csv
import statistics
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "compiler"))

from ftc.memory.formula import Job, Shape, estimate  # noqa: E402 - found by the line above

MEASURED = ROOT / "tests" / "memory" / "measured.csv"
SHAPES = ROOT / "tests" / "memory" / "shapes.toml"
PAGE = ROOT / "docs" / "memory.md"
START, END = "<!-- made by tools/memory_table.py -->", "<!-- end of the table -->"
UNITS = {"GiB": 1.0, "1e9 B": 1e9 / 2**30}
POOLED = ("canifinetune", "peft", "axolotl", "capacity", "torchtune")


@dataclass(frozen=True)
class Row:
    """A published run: what was measured in GiB, and what the formula says for the same metric."""

    source: str
    group: str
    shape: str
    metric: str
    measured: float
    predicted: float
    job: Job

    @property
    def error(self) -> float:
        """Share by which the formula is above (+) or below (-) the measurement."""
        return self.predicted / self.measured - 1

    @property
    def name(self) -> str:
        """How the allow-list calls the row."""
        job = self.job
        return f"{self.group}: {self.shape} {job.method} {job.max_length}x{job.micro_batch}"


def shapes() -> dict[str, Shape]:
    """The model shapes of the fixture by name."""
    known = {part.name for part in fields(Shape)}
    table = tomllib.loads(SHAPES.read_text(encoding="utf-8"))
    return {
        name: Shape(**{key: value for key, value in row.items() if key in known})
        for name, row in table.items()
    }


def rows() -> list[Row]:
    """Every row of the fixture with its prediction."""
    models = shapes()
    with MEASURED.open(encoding="utf-8", newline="") as file:
        return [_row(line, models[line["shape"]]) for line in csv.DictReader(file)]


def _row(line: dict[str, str], shape: Shape) -> Row:
    job = Job(**_settings(line))
    return Row(
        source=line["source"],
        group=line["group"],
        shape=line["shape"],
        metric=line["metric"],
        measured=float(line["measured"]) * UNITS[line["unit"]],
        predicted=getattr(estimate(shape, job), line["metric"]),
        job=job,
    )


def _settings(line: dict[str, str]) -> dict[str, Any]:
    kinds = {part.name: part.type for part in fields(Job)}
    given = {key: text for key, text in line.items() if key in kinds and text != ""}
    return {key: _value(text, str(kinds[key])) for key, text in given.items()}


def _value(text: str, kind: str) -> Any:
    if kind == "bool":
        return text == "yes"
    if kind.startswith("tuple"):
        return tuple(text.split())
    return float(text) if kind == "float" else int(text) if text.isdigit() else text


def table(measured: Iterable[Row]) -> str:
    """Markdown: rows, median and 90th percentile of the absolute error, bias, rows 10 % below."""
    groups: dict[str, list[float]] = {}
    for row in measured:
        groups.setdefault(f"{row.group}, {row.metric}", []).append(row.error)
        if row.group in POOLED:
            groups.setdefault("**the five stacks nearest to ours, pooled**", []).append(row.error)
    order = sorted(groups, key=lambda name: (name.startswith("**"), name))
    lines = [
        "| runs, metric | rows | median error | 90 % within | bias | more than 10 % too low |",
        "|---|---|---|---|---|---|",
        *(_line(name, groups[name]) for name in order),
    ]
    return "\n".join(lines)


def _line(name: str, errors: list[float]) -> str:
    sizes = sorted(abs(error) for error in errors)
    ninety = sizes[min(len(sizes) - 1, round(0.9 * (len(sizes) - 1)))]
    low = sum(error < -0.1 for error in errors)
    return (
        f"| {name} | {len(errors)} | {statistics.median(sizes):.1%} | {ninety:.1%} "
        f"| {statistics.median(errors):+.1%} | {low} |"
    )


def page(text: str, block: str) -> str:
    """The documentation page with the table between its two marks replaced."""
    before, rest = text.split(START, 1)
    return f"{before}{START}\n\n{block}\n\n{END}{rest.split(END, 1)[1]}"


def main() -> None:
    """Print the table, or write it into the page; `-v` prints every row."""
    measured = rows()
    if "-v" in sys.argv:
        for row in measured:
            figures = f"{row.error:+7.1%} {row.measured:7.2f} {row.predicted:7.2f}"
            print(f"{figures} {row.metric:9s} {row.name}")
    if "--write" in sys.argv:
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), table(measured)), encoding="utf-8")
    else:
        print(table(measured))


if __name__ == "__main__":
    main()
