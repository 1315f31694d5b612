"""The step `quality` over rows that a test gives, batch by batch, as the runner runs it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ftc.prep.quality import STEP
from ftc.prep.rows import Row, each, identity, table
from ftc.prep.step import Inputs
from ftc.preparation import Prepare
from ftc.preparation.quality import Quality


def done(path, found, *, language="en", batch=700, folder=Path(), **settings):
    """The outcomes of all batches, and the figures of `decide`."""
    prepare = Prepare(sources=["x"], language=language, quality=Quality(**settings))
    inputs = Inputs(folder, prepare, prepare.quality, seed=0)
    tables = [table(found[at : at + batch]) for at in range(0, len(found), batch)]
    gathered = [path / f"{i:05}" for i in range(len(tables))]
    for i, (batched, out) in enumerate(zip(tables, gathered, strict=True)):
        STEP.gather(batched, dataclasses.replace(inputs, shard=i), out)
    decision = path / "decision"
    decision.mkdir()
    figures = STEP.decide(gathered, inputs, decision)
    outcomes = [
        STEP.apply(batched, dataclasses.replace(inputs, shard=i, decision=decision))
        for i, batched in enumerate(tables)
    ]
    return outcomes, figures


def kept(outcomes):
    return {row.id: row for outcome in outcomes for row in each(outcome.rows)}


def lines(outcomes):
    return [line for outcome in outcomes for line in outcome.ledger.to_pylist()]


def chat(prompt, answer, mark="", **more):
    return Row(
        identity(mark, prompt, answer),
        "a.jsonl",
        f"line {mark}",
        (("user", prompt), ("assistant", answer)),
        form="chat",
        **more,
    )
