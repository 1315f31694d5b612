"""Our clean step: broken encodings alone, and whole; the answer is the rows that it changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bench_data.method import Method
from bench_data.ours.steps import prepare, through
from ftc.prep import rows
from ftc.prep.clean import STEP
from ftc.preparation.clean import Clean

PARTS = [name for name, field in Clean.model_fields.items() if field.annotation is bool]


def _alone(batches: list[pa.Table], folder: Path) -> dict[str, Any]:
    off: dict[str, Any] = dict.fromkeys(PARTS, False)
    asked = prepare(clean=off | {"mojibake": True, "quotes": "keep", "identify": "never"})
    changed: dict[int, str] = {}
    start = 0
    for batch, outcome in zip(batches, through(STEP, batches, folder, asked), strict=True):
        before, after = rows.contents(batch), rows.contents(outcome.rows)
        for number in pc.indices_nonzero(pc.not_equal(before, after)).to_pylist():
            changed[start + number] = after[number].as_py()
        start += batch.num_rows
    return {"changed": changed}


def _whole(batches: list[pa.Table], folder: Path) -> dict[str, Any]:
    for outcome in through(STEP, batches, folder, prepare()):
        del outcome
    return {}


METHODS = (
    Method("ftc, encodings alone", _alone),
    Method("ftc, the clean step whole", _whole),
)
