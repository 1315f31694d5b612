"""Rows that say what another row says already go; the best of them stays."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ftc.prep import ledger
from ftc.prep.deduplicate.against import files
from ftc.prep.deduplicate.decision import clusters, decide, drops
from ftc.prep.deduplicate.gathered import gather
from ftc.prep.deduplicate.texts import joined
from ftc.prep.step import Inputs, Outcome, Step


def apply(rows: pa.Table, inputs: Inputs) -> Outcome:
    """The rows of a batch that stay; the ledger says for which row each other one went."""
    assert inputs.decision is not None  # the step has `decide`
    found = drops(inputs.decision, inputs.shard)
    stays = np.ones(rows.num_rows, bool)
    stays[found["index"].to_numpy()] = False
    gone = rows.take(found["index"])
    nothing = pa.array([""] * gone.num_rows, pa.string())
    columns = {
        "row": gone["id"],
        "action": pa.array(["dropped"] * gone.num_rows, pa.string()),
        "reason": found["reason"],
        "detail": found["detail"],
        "file": gone["file"],
        "place": gone["place"],
        "before": joined(gone) if gone.num_rows else nothing,
        "after": nothing,
    }
    return Outcome(rows.filter(pa.array(stays)), pa.table(columns, schema=ledger.SCHEMA))


STEP = Step(
    name="deduplicate",
    apply=apply,
    code=("ftc.prep.deduplicate", "ftc.prep.collect", "ftc.data"),
    libraries=("daft", "numpy", "pyarrow"),
    files=files,
    gather=gather,
    decide=decide,
)

__all__ = ["STEP", "apply", "clusters", "decide", "gather"]
