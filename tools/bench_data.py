"""Measures the data steps beside other libraries in one run, and writes docs/data-benchmarks.md.

`--rows 10000` measures fewer rows and prints the page, `--only near,read` some subjects, `--out`
writes it elsewhere. Exit code 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "compiler"), str(ROOT / "tests"), str(ROOT)]

from bench_data import whole  # noqa: E402 - found by the line above
from bench_data.environment import peers  # noqa: E402 - found by the line above
from bench_data.goals import verdicts  # noqa: E402
from bench_data.page import page, table  # noqa: E402
from bench_data.subjects import measure, subjects  # noqa: E402

PAGE = ROOT / "docs" / "data-benchmarks.md"
SIZES = (10_000, 100_000, 1_000_000)


def main(arguments: list[str] | None = None) -> int:
    """Measure, then write or print the page; 1 when a goal was missed."""
    asked = parsed(arguments)
    python = peers()
    results, further = [], []
    chosen = [one for one in subjects(python) if not asked.only or one.name in asked.only]
    for subject in chosen:
        for result in measure(subject, asked.rows):
            print(table([result]).splitlines()[-1], file=sys.stderr, flush=True)
            results.append(result)
    if not asked.only or whole.NAME in asked.only:
        result, text = whole.measured(max(asked.rows), python)
        print(table([result]).splitlines()[-1], file=sys.stderr, flush=True)
        further.append(text)
    judged = [verdict for verdict in verdicts(results) if verdict.goal.subject in names(chosen)]
    text = page(chosen, results, judged, asked.rows, further)
    complete = not asked.only and tuple(asked.rows) == SIZES
    out = asked.out or (PAGE if complete else None)
    if out:
        out.write_text(text, encoding="utf-8")
    else:
        print(text)
    missed = [verdict.goal.what for verdict in judged if not verdict.met]
    for what in missed:
        print(f"goal missed: {what}", file=sys.stderr)
    return int(bool(missed))


def names(chosen: list) -> set[str]:
    return {subject.name for subject in chosen}


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The options; numbers and names are separated by commas."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=_numbers, default=list(SIZES))
    parser.add_argument("--only", type=lambda text: text.split(","), default=[])
    parser.add_argument("--out", type=Path)
    return parser.parse_args(arguments)


def _numbers(text: str) -> list[int]:
    return sorted(int(part) for part in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
