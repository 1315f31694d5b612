"""The plain loop of the clean step: it imports what the step needs, and nothing of our runner."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench_data.ours.steps import SEED, prepare
from ftc.prep.clean.step import STEP as CLEAN
from ftc.prep.step import Inputs
from ftc.prep.store import read_table, write_table


def loop(folder: Path, paths: Sequence[Path]) -> int:
    """Clean the rows of each file into `folder`; how many go on."""
    asked = prepare()
    inputs = Inputs(folder, asked, asked.clean, SEED)
    count = 0
    for path in paths:
        outcome = CLEAN.apply(read_table(path), inputs)
        write_table(folder / "plain" / "out" / "rows" / path.name, outcome.rows)
        write_table(folder / "plain" / "out" / "ledger" / path.name, outcome.ledger)
        count += outcome.rows.num_rows
    return count
