"""Measures the data steps beside other libraries in one run, and writes docs/data-benchmarks.md.

`--rows 10000` measures fewer rows and prints the page, `--only near,read` some subjects, `--out`
writes it elsewhere; `--resume` takes the subjects that an ended run had finished. Exit code 1 when
a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "compiler"), str(ROOT / "tests"), str(ROOT)]

from bench_data import whole  # noqa: E402 - found by the line above
from bench_data.environment import peers  # noqa: E402 - found by the line above
from bench_data.goals import verdicts  # noqa: E402
from bench_data.measured import Result  # noqa: E402
from bench_data.page import page, table  # noqa: E402
from bench_data.subjects import Subject, measure, subjects  # noqa: E402

from ftc import resources  # noqa: E402

PAGE = ROOT / "docs" / "data-benchmarks.md"
SIZES = (10_000, 100_000, 1_000_000)


def main(arguments: list[str] | None = None) -> int:
    """Measure, then write or print the page; 1 when a goal was missed."""
    asked = parsed(arguments)
    python = peers()
    chosen = [one for one in subjects(python) if not asked.only or one.name in asked.only]
    results = [result for subject in chosen for result in measured(subject, asked)]
    failed, further = [], []
    if not asked.only or whole.NAME in asked.only:
        found, section = whole.measured(max(asked.rows), python)
        show(found)
        failed += [f"the whole pass: {found.why}"] if found.why else []
        further.append(section)
    judged = [one for one in verdicts(results) if one.goal.subject in {it.name for it in chosen}]
    text = page(chosen, results, judged, asked.rows, further)
    complete = not asked.only and tuple(asked.rows) == SIZES
    out = asked.out or (PAGE if complete else None)
    if out:
        out.write_text(text, encoding="utf-8")
    else:
        print(text)
    failed += [f"goal missed: {verdict.goal.what}" for verdict in judged if not verdict.met]
    for what in failed:
        print(what, file=sys.stderr)
    return int(bool(failed))


def measured(subject: Subject, asked: argparse.Namespace) -> list[Result]:
    """The results of a subject; with `--resume` those that a run that was ended left behind."""
    kept = resources.cache() / "bench-data" / f"{subject.name}.json"
    if asked.resume and kept.exists():
        known = json.loads(kept.read_text("utf-8"))
        if known["rows"] == asked.rows:
            return [Result(**result) for result in known["results"]]
    results = []
    for result in measure(subject, asked.rows):
        show(result)
        results.append(result)
    kept.parent.mkdir(parents=True, exist_ok=True)
    known = {"rows": asked.rows, "results": [asdict(result) for result in results]}
    kept.write_text(json.dumps(known), encoding="utf-8")
    return results


def show(result: Result) -> None:
    """Its line of the table, as soon as it is there."""
    print(table([result]).splitlines()[-1], file=sys.stderr, flush=True)


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The options; numbers and names are separated by commas."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=_numbers, default=list(SIZES))
    parser.add_argument("--only", type=lambda text: text.split(","), default=[])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--resume", action="store_true")
    return parser.parse_args(arguments)


def _numbers(text: str) -> list[int]:
    return sorted(int(part) for part in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
