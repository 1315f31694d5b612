"""Our redact step, and what it finds by itself: spans as (row, start, end, kind)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
from made import pii

from bench_data.method import Method
from bench_data.ours.steps import prepare, through
from ftc.prep import rows
from ftc.prep.redact.search import find_all
from ftc.prep.redact.step import STEP


def _redact(batches: list[pa.Table], folder: Path) -> dict[str, Any]:
    asked = prepare(redact={"locales": pii.LOCALES})
    for outcome in through(STEP, batches, folder, asked):
        del outcome
    return {}


def _find(batches: list[pa.Table], folder: Path) -> dict[str, Any]:
    spans = []
    start = 0
    for batch in batches:
        texts = rows.contents(batch)
        for number, found in find_all(texts, locales=pii.LOCALES).items():
            spans += [(start + number, one.start, one.end, one.kind) for one in found]
        start += batch.num_rows
    return {"spans": spans}


METHODS = (
    Method("ftc, the redact step", _redact),
    Method("ftc, finding alone", _find, most=20_000),
)
