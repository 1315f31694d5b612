"""A step taken over batches of rows as the runner takes it, without its files of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from ftc.prep.step import Inputs, Outcome, Step
from ftc.preparation import Prepare

SEED = 42


def prepare(**settings: Any) -> Prepare:
    """`[prepare]` with tables of settings by step."""
    return Prepare.model_validate({"sources": ["made.jsonl"], **settings})


def through(
    step: Step,
    batches: Sequence[pa.Table],
    folder: Path,
    asked: Prepare,
    kept: Path | None = None,
) -> Iterator[Outcome]:
    """What the step makes of each batch; what it gathers and decides lies in `kept`, if given."""
    inputs = Inputs(folder, asked, getattr(asked, step.name), SEED)
    with TemporaryDirectory(prefix="ftc-bench-step-") as scratch:
        decision = (kept or Path(scratch)) / "decision"
        if step.gather and step.decide:
            decision.mkdir()
            paths = []
            for shard, batch in enumerate(batches):
                paths.append(Path(scratch) / f"gathered-{shard:05}")
                step.gather(batch, replace(inputs, shard=shard), paths[-1])
            step.decide(paths, inputs, decision)
        for shard, batch in enumerate(batches):
            yield step.apply(batch, replace(inputs, shard=shard, decision=decision))


def dropped(outcome: Outcome, reasons: Sequence[str] = ()) -> list[int]:
    """Numbers of the rows that the ledger says were dropped, for one of these reasons or any."""
    lines = outcome.ledger.select(["row", "action", "reason"]).to_pylist()
    return [
        int(line["row"], 16)
        for line in lines
        if line["action"] == "dropped" and (not reasons or line["reason"] in reasons)
    ]
