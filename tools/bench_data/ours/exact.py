"""Our deduplicate step, equal texts only; the answer is the numbers of the rows that it drops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from bench_data.method import Method
from bench_data.ours.steps import prepare, through
from ftc.prep import engine
from ftc.prep.deduplicate import STEP

engine.load("local")  # libraries are imported before the clock starts


def _exact(batches: list[pa.Table], folder: Path, *, normalise: bool) -> dict[str, Any]:
    asked = prepare(deduplicate={"near": False, "normalise": normalise})
    outcomes = through(STEP, batches, folder, asked)
    gone = [row for outcome in outcomes for row in outcome.ledger["row"].to_pylist()]
    return {"dropped": [int(row, 16) for row in gone]}


def _bytes(batches: list[pa.Table], folder: Path) -> dict[str, Any]:
    return _exact(batches, folder, normalise=False)


def _normalised(batches: list[pa.Table], folder: Path) -> dict[str, Any]:
    return _exact(batches, folder, normalise=True)


METHODS = (
    Method("ftc, byte for byte", _bytes),
    Method("ftc, texts normalised", _normalised),
)
