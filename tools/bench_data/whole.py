"""The section about one pass over all rows: rows in and out by step, and whose code it is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench_data import corpus
from bench_data.measured import Result, own, result
from bench_data.shares import OTHER, OURS, PATTERNS, STANDARD, shares

NAME = "whole"
RATE = 50  # samples a second
INSIDE = "whole_pass"  # the function whose samples count
TITLE = "## One pass over all rows"
WORDS = """\
{rows:,} rows, a quarter with duplicates, one with eval items, one with personal data, one with some
mojibake, through the steps of `ftc prepare` and its token statistics in one process: {cpu:,.0f}
CPU-s, {mb:,.0f} MB above the start. Rows in and out: {steps}.

py-spy looked {rate} times a second at the whole stack, C frames included. A sample belongs to the
innermost frame of a library or of ftc; below ftc's own frames `re` and the rest of the standard
library are counted by themselves. What the interpreter does for ftc's lines is ftc's."""


def measured(rows: int, python: Path) -> tuple[Result, str]:
    """The result and the section; `python` is the peers' interpreter, with py-spy beside it."""
    side = own("whole", load="folder")
    flows: dict[str, Any] = {}

    def score(answer: Any, folder: Path, count: int) -> dict[str, float]:
        flows.update(answer)
        return {}

    with TemporaryDirectory(prefix="ftc-bench-whole-") as name:
        folder = Path(name) / "rows"
        folder.mkdir()
        corpus.mixed(rows, folder)
        out = Path(name) / "stacks"
        spy = [str(python.with_name("py-spy")), "record", "--native", "--full-filenames"]
        spy += ["--rate", str(RATE), "--format", "raw", "--output", str(out), "--"]
        found = result(side, side.methods()[0], NAME, folder, rows, score, spy)
        if found.why:
            return found, f"{TITLE}\n\n{found.why}"
        counts = shares(out.read_text("utf-8"), INSIDE)
    return found, section(found, flows, counts)


def section(found: Result, flows: dict[str, Any], counts: dict[str, Counter[str]]) -> str:
    """A line for each step, a column for each owner that has a hundredth of the whole."""
    steps = ", ".join(f"{name} {read:,} → {left:,}" for name, (read, left) in flows.items())
    words = WORDS.format(rows=found.rows, cpu=found.cpu, mb=found.mb, steps=steps, rate=RATE)
    total = sum(counts.values(), Counter[str]())
    every = total.total()
    usual = [OURS, PATTERNS, STANDARD]
    large = [name for name, count in total.most_common() if count >= every / 100]
    owners = [*usual, *(name for name in large if name not in (*usual, OTHER))]
    head = ["step", "of the whole", *owners, "others"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    order = [*flows, *(name for name in counts if name not in flows)]
    for name, mine in [
        *((name, counts[name]) for name in order if name in counts),
        ("**all**", total),
    ]:
        cells = [name, f"{mine.total() / every:.1%}"]
        cells += [f"{mine[one] / every:.1%}" for one in owners]
        others = mine.total() - sum(mine[one] for one in owners)
        lines.append(f"| {' | '.join([*cells, f'{others / every:.1%}'])} |")
    return "\n\n".join([TITLE, words, "\n".join(lines)])
