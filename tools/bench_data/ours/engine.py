"""One step through our runner, and the same step in a plain loop; the answer is rows that go on.

The plain loop reads the same files, calls the same function and writes the same files; what the
runner adds is keys, tasks, checks and, with more than one process, Daft or Ray.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from bench_data.method import Method
from bench_data.ours.steps import SEED, prepare
from ftc import resources
from ftc.prep import pipeline, runner
from ftc.prep.clean.step import STEP as CLEAN
from ftc.prep.step import Inputs
from ftc.prep.store import read_table, write_table

ENGINES = ("plain", "one", "local", "ray")


def job(folder: Path, engine: str) -> runner.Job:
    """The recipe's other steps left out; what is prepared lies in a folder of the engine's."""
    others = [name for name in pipeline.STEPS if name != CLEAN.name]
    asked = prepare(sources=["rows.jsonl"], skip=others)
    known: Any = "ray" if engine == "ray" else "local"
    cores = 1 if engine == "one" else None
    return runner.Job(asked, folder, folder / engine, SEED, engine=known, cores=cores)


def collect(folder: Path) -> None:
    """Read the rows that the step starts from, for every engine, before any clock starts."""
    for engine in ENGINES:
        runner.run(replace(job(folder, engine), engine="local", cores=1), last="collect")


def _plain(folder: Path, _: Path) -> int:
    return _loop(folder, _collected(folder))


def _each(folder: Path, _: Path) -> int:
    """Every process takes the next file when it is through with one, as Daft's do."""
    with ProcessPoolExecutor(resources.processors(), get_context("spawn")) as pool:
        return sum(pool.map(partial(_loop, folder), [[path] for path in _collected(folder)]))


def _collected(folder: Path) -> list[Path]:
    return sorted((folder / "plain" / "steps").glob("collect-*/rows/*.parquet"))


def _loop(folder: Path, paths: list[Path]) -> int:
    asked = job(folder, "plain")
    inputs = Inputs(folder, asked.prepare, asked.prepare.clean, SEED)
    count = 0
    for path in paths:
        outcome = CLEAN.apply(read_table(path), inputs)
        write_table(folder / "plain" / "out" / "rows" / path.name, outcome.rows)
        write_table(folder / "plain" / "out" / "ledger" / path.name, outcome.ledger)
        count += outcome.rows.num_rows
    return count


def _one(folder: Path, _: Path) -> int:
    return runner.run(job(folder, "one"))[-1].done.rows


def _local(folder: Path, _: Path) -> int:
    return runner.run(job(folder, "local"))[-1].done.rows


def _ray(folder: Path, _: Path) -> int:
    return runner.run(job(folder, "ray"))[-1].done.rows


METHODS = (
    Method("a plain loop", _plain),
    Method("a plain loop on each core", _each),
    Method("ftc embedded, one process", _one),
    Method("ftc embedded, Daft on all cores", _local),
    Method("ftc on a local Ray", _ray, detached=True),
)
