"""Measures `ftc augment` beside Distilabel and a plain client in one run, and writes
docs/augment/benchmarks.md.

`--only instant,latency` measures some subjects and takes the others from the last run; `--rows`,
`--late` and `--many` say on how many rows, `--out` where the page goes (with other numbers of rows
it is printed). Exit code 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "compiler"), str(ROOT / "tests"), str(ROOT)]

from bench_augment.goals import verdicts  # noqa: E402 - found by the line above
from bench_augment.page import met, page  # noqa: E402
from bench_augment.subjects import Subject, measure, subjects  # noqa: E402
from bench_data.measured import Result  # noqa: E402
from bench_data.page import number  # noqa: E402

from ftc import resources  # noqa: E402

PAGE = ROOT / "docs" / "augment" / "benchmarks.md"
ROWS, LATE, MANY = 2_000, 1_000, [10_000, 20_000, 100_000]


def main(arguments: list[str] | None = None) -> int:
    """Measure, then write or print the page; 1 when a goal was missed."""
    asked = parsed(arguments)
    whole = (asked.rows, asked.late, asked.many) == (ROWS, LATE, MANY)
    chosen = subjects(asked.rows, asked.late, asked.many)
    results = [it for subject in chosen for it in found(subject, asked.only)]
    judged = verdicts(results)
    text = page(chosen, results, judged)
    out = asked.out or (PAGE if whole and len({it.subject for it in results}) == 3 else None)
    if out:
        out.write_text(text, encoding="utf-8")
    else:
        print(text)
    for verdict in judged:
        told = f"{verdict.goal.what}: {number(round(verdict.value, 3))} {verdict.goal.unit}"
        print(f"goal {met(verdict)}: {told}", file=sys.stderr)
    failed = [it for it in results if it.why]
    for it in failed:
        print(f"{it.method}, {it.rows:,} rows: {it.why}", file=sys.stderr)
    return int(bool(failed) or not all(verdict.met for verdict in judged))


def found(subject: Subject, only: list[str]) -> list[Result]:
    """The results of a subject: measured, or, where it is not asked for, of the last run."""
    kept = resources.cache() / "bench-augment" / f"{subject.name}.json"
    if only and subject.name not in only:
        known = json.loads(kept.read_text("utf-8")) if kept.exists() else []
        return [Result(**it) for it in known if it["rows"] in subject.rows]
    results = measure(subject, show)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps([asdict(it) for it in results]), encoding="utf-8")
    return results


def show(result: Result) -> None:
    """A line, as soon as it is there."""
    told = result.why or f"{result.wall:.1f} s, {result.cpu:.1f} CPU-s, {result.mb:.0f} MB"
    print(f"{result.subject}: {result.method}, {result.rows:,} rows: {told}", file=sys.stderr)


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The options; numbers and names are separated by commas."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", type=lambda text: text.split(","), default=[])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--late", type=int, default=LATE)
    parser.add_argument(
        "--many", type=lambda text: [int(it) for it in text.split(",")], default=MANY
    )
    parser.add_argument("--out", type=Path)
    return parser.parse_args(arguments)


def _numbers(text: str) -> list[int]:
    return sorted(int(part) for part in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
