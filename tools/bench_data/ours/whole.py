"""One pass of the runner over all rows in one process; the answer is rows in and out by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench_data.method import Method
from bench_data.ours.steps import SEED, prepare
from bench_data.ours.tokens import quantiles
from ftc.prep import runner


def job(folder: Path) -> runner.Job:
    """The four steps, one process."""
    asked = prepare(
        sources=["rows.jsonl"],
        skip=["annotate", "diversity", "quality"],
        decontaminate={"against": ["eval.jsonl"]},
    )
    return runner.Job(asked, folder, folder / "prepared", SEED, cores=1)


def whole_pass(folder: Path, _: Path) -> dict[str, Any]:
    """From JSON lines to rows that are clean, and their lengths in tokens."""
    ran = runner.run(job(folder))
    last = ran[-1]
    shards = [last.folder.rows(batch.name) for batch in last.done.batches]
    quantiles(folder, shards, full=False)
    return {one.done.step: [one.done.read, one.done.rows] for one in ran}


METHODS = (Method("ftc, the whole pass", whole_pass),)
