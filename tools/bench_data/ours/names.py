"""Our search for people's names, with spaCy's small English model; the answer is spans."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from bench_data.method import Method
from ftc.prep import rows
from ftc.prep.redact import names


def _names(batches: list[pa.Table], folder: Path) -> dict[str, Any]:
    spans = []
    start = 0
    for batch in batches:
        for number, found in names.find_all(rows.contents(batch).to_pylist()).items():
            spans += [(start + number, one.start, one.end, one.kind) for one in found]
        start += batch.num_rows
    return {"spans": spans}


METHODS = (Method("ftc with en_core_web_sm", _names),)
