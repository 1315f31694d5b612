"""Our token statistics, over all rows and over those that it picks; the answer is quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench_data.method import Method
from bench_data.ours.steps import SEED
from ftc.facts import model, tokens
from ftc.prep.lengths import measure
from ftc.recipe import Model


def quantiles(folder: Path, shards: Sequence[Path], *, full: bool) -> dict[str, float]:
    """Of the rows in Parquet files, by the tokenizer of the model in `folder`."""
    counter = tokens.counter(model.gather(Model(id=str(folder / "model")), folder, offline=True))
    found = measure(shards, counter, seed=SEED, full=full)
    if counter is None or found is None:
        raise ValueError(f"{folder}: no tokenizer or no rows")
    total = found.total
    return {"p50": total.p50, "p95": total.p95, "p99": total.p99, "max": total.max}


def _full(folder: Path, _: Path) -> dict[str, float]:
    return quantiles(folder, sorted(folder.glob("*.parquet")), full=True)


def _sample(folder: Path, _: Path) -> dict[str, float]:
    return quantiles(folder, sorted(folder.glob("*.parquet")), full=False)


METHODS = (
    Method("ftc, full", _full),
    Method("ftc, the longest rows and a sample of the others", _sample),
)
