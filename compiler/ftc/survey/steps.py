"""The state of the steps: rows in and out, reasons, figures and samples, as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ftc.prep import result, runner
from ftc.prep.finished import folders
from ftc.prep.store import Done
from ftc.recipe import Recipe

SAMPLE_CHARACTERS = 200


@dataclass(frozen=True)
class State:
    """One step. `current`: it was made from what the step before holds now.

    `dropped` counts rows that went no further and places that were refused, by reason; `samples`
    are lines of the ledger, cut to SAMPLE_CHARACTERS.
    """

    step: str
    current: bool
    read: int
    rows: int
    changed: int
    dropped: dict[str, int]
    figures: dict[str, float]
    samples: tuple[dict[str, str], ...] = field(default=())


@dataclass(frozen=True)
class Survey:
    """The prepared data of a recipe. `waiting` are steps that have not run; `train` and `eval` are
    None until all have."""

    root: Path
    steps: tuple[State, ...]
    waiting: tuple[str, ...]
    train: int | None
    eval: int | None
    stale: str


def survey(recipe: Recipe, folder: Path, samples: int = 0) -> Survey:
    """The state of the prepared data, with `samples` lines of the ledger a step."""
    root = result.root(recipe, folder)
    states: list[State] = []
    before, ok = "", True
    for it in folders(root):
        done = it.done()
        if done is None:
            continue
        ok = ok and done.before == before
        before = done.key
        lines = tuple(islice(_samples(it.path / "ledger"), samples))
        states.append(_state(done, ok, lines))
    state = result.read(root)
    prepare = recipe.preparation
    names = runner.names(prepare) if prepare else []
    have = {it.step for it in states if it.current}
    return Survey(
        root,
        tuple(states),
        tuple(name for name in names if name not in have),
        state.train if state else None,
        state.eval if state else None,
        result.stale(recipe, folder, state) if state else "",
    )


def _state(done: Done, current: bool, samples: tuple[dict[str, str], ...]) -> State:
    return State(
        done.step,
        current,
        done.read,
        done.rows,
        done.changed,
        done.dropped,
        done.figures,
        samples,
    )


def _samples(folder: Path) -> Iterator[dict[str, str]]:
    """One line of each reason in turn, so that few lines show much."""
    for path in sorted(folder.glob("*.parquet")):
        by_reason: dict[str, list[dict[str, Any]]] = {}
        for line in pq.ParquetFile(path).read_row_group(0).slice(0, 1000).to_pylist():
            by_reason.setdefault(line["reason"], []).append(line)
        while by_reason:
            for reason in list(by_reason):
                yield {key: _cut(value) for key, value in by_reason[reason].pop(0).items()}
                if not by_reason[reason]:
                    del by_reason[reason]


def _cut(text: str) -> str:
    return text if len(text) <= SAMPLE_CHARACTERS else text[: SAMPLE_CHARACTERS - 1] + "…"
