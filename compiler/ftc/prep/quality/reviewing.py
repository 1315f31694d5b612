"""What people decided about rows, as `ftc.prep.review` reads it, before anything else is judged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ftc.errors import FtcError
from ftc.prep.ledger import Ledger
from ftc.prep.review import apply_review, faults
from ftc.prep.step import Inputs

GONE = "gone"  # metadata of a gathered file: ids of rows that a person dropped
FAULTS = "review.parquet"  # in the decision's folder: lines of the file that cannot be used


class Looked(NamedTuple):
    """A batch as people left it, and the ids of the rows that they dropped."""

    rows: pa.Table
    ledger: pa.Table
    figures: dict[str, float]
    gone: list[str]


def looked_through(rows: pa.Table, inputs: Inputs) -> Looked:
    """The rows after review; the first batch's ledger has what cannot be used of the file."""
    file = path(inputs)
    if file is None:
        return Looked(rows, Ledger().table(), {}, [])
    outcome = apply_review(rows, file)
    lines = outcome.ledger
    if inputs.decision and not inputs.shard:
        lines = pa.concat_tables([pq.read_table(inputs.decision / FAULTS), lines])
    stayed = pc.is_in(rows["id"], outcome.rows["id"].combine_chunks())
    gone = rows.filter(pc.invert(stayed))["id"].to_pylist()
    return Looked(outcome.rows, lines, outcome.figures, gone)


def path(inputs: Inputs) -> Path | None:
    """The recipe's file of reviewed rows; FtcError when it is not there."""
    name = inputs.settings.review
    if not name:
        return None
    file = inputs.folder / str(name)
    if not file.is_file():
        raise FtcError(
            f"prepare.quality.review: {file} is not there",
            hint="ftc data review RECIPE --out FILE writes one; or take review out of the recipe",
        )
    return file


def write(gathered: Sequence[pa.Table], inputs: Inputs, out: Path) -> None:
    """Keep the lines of the file that no row has or that cannot be used, for the ledger."""
    file = path(inputs)
    if file is None:
        return
    known = {row for table in gathered for row in table["id"].to_pylist()}
    for table in gathered:
        known.update(json.loads(table.schema.metadata[GONE.encode()]))
    pq.write_table(faults(file, inputs.settings.review, known), out / FAULTS)
