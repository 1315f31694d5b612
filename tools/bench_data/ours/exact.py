"""Our deduplicate step, equal texts only; the answer is the numbers of the rows that it drops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from bench_data.method import Method
from bench_data.ours.steps import dropped, prepare, through
from ftc.prep.deduplicate import STEP


def _exact(batches: list[pa.Table], folder: Path) -> dict[str, Any]:
    outcomes = through(STEP, batches, folder, prepare(deduplicate={"near": False}))
    return {"dropped": [number for outcome in outcomes for number in dropped(outcome)]}


METHODS = (Method("ftc, texts normalised", _exact),)
