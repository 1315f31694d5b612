"""Our deduplicate step in full; the answer is each row of a cluster with the first row of it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from bench_data.method import Method
from bench_data.ours.steps import prepare, through
from ftc.prep.deduplicate import STEP, clusters


def _near(batches: list[pa.Table], folder: Path) -> dict[str, Any]:
    with TemporaryDirectory(prefix="ftc-bench-near-") as scratch:
        for outcome in through(STEP, batches, folder, prepare(), Path(scratch)):
            del outcome
        found = clusters(Path(scratch) / "decision").select(["cluster", "row"]).to_pydict()
    heads: dict[int, str] = {}
    pairs = zip(found["row"], found["cluster"], strict=True)
    links = [(int(row, 16), int(heads.setdefault(number, row), 16)) for row, number in pairs]
    return {"links": [(row, head) for row, head in links if row != head]}


METHODS = (Method("ftc", _near),)
