"""Our collect step over JSON lines, to finished rows in Arrow; the answer is how many.

Batches go as they come, as a run writes each and lets it go.
"""

from __future__ import annotations

from pathlib import Path

from bench_data.method import Method
from bench_data.ours.steps import SEED, prepare
from ftc.prep import collect
from ftc.prep.step import Inputs


def _collect(path: Path, folder: Path) -> int:
    asked = prepare(sources=[path.name])
    inputs = Inputs(folder, asked, asked.collect, SEED)
    outcomes = (
        outcome for found in collect.found(inputs) for outcome in collect.read(found, inputs)
    )
    return sum(outcome.rows.num_rows for outcome in outcomes)


METHODS = (Method("ftc, to rows with ids", _collect),)
