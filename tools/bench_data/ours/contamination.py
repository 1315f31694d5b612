"""Our decontaminate step; the answer is the numbers of the rows that it drops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from bench_data.method import Method
from bench_data.ours.steps import dropped, prepare, through
from ftc.prep.decontaminate import STEP


def _decontaminate(batches: list[pa.Table], folder: Path) -> dict[str, Any]:
    asked = prepare(decontaminate={"against": ["eval.jsonl"]})
    outcomes = through(STEP, batches, folder, asked)
    return {"flagged": [number for outcome in outcomes for number in dropped(outcome)]}


METHODS = (Method("ftc", _decontaminate),)
