"""One step through our runner, and the same step in a plain loop; the answer is rows that go on.

The plain loop reads the same files, calls the same function and writes the same files; what the
runner adds is keys, tasks, checks and, with more than one process, Daft or Ray. The hash of the
source is taken before the clock starts: ftc prepare takes it once for all steps, and clean reads
none of it.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from bench_data.method import Method
from bench_data.ours.loop import loop
from bench_data.ours.steps import SEED, prepare
from ftc import resources
from ftc.prep import pipeline, runner
from ftc.prep.clean.step import STEP as CLEAN
from ftc.prep.result import content_hash

ROWS, HASH = "rows.jsonl", "rows.sha256"
ENGINES = ("plain", "one", "local", "ray")


def job(folder: Path, engine: str) -> runner.Job:
    """The recipe's other steps left out; what is prepared lies in a folder of the engine's."""
    others = [name for name in pipeline.STEPS if name != CLEAN.name]
    asked = prepare(sources=[ROWS], skip=others)
    known: Any = "ray" if engine == "ray" else "local"
    cores = 1 if engine == "one" else None
    return runner.Job(asked, folder, folder / engine, SEED, engine=known, cores=cores)


def collect(folder: Path) -> None:
    """Read the rows that the step starts from, for every engine, before any clock starts."""
    (folder / HASH).write_text(content_hash(folder / ROWS))
    for engine in ENGINES:
        runner.run(
            replace(job(folder, engine), engine="local", cores=1), "collect", _hashes(folder)
        )


def _hashes(folder: Path) -> dict[Path, str]:
    return {folder / ROWS: (folder / HASH).read_text()}


def _plain(folder: Path, _: Path) -> int:
    return loop(folder, _collected(folder))


def _each(folder: Path, _: Path) -> int:
    """Every process takes the next file when it is through with one, as Daft's do."""
    with ProcessPoolExecutor(resources.processors(), get_context("spawn")) as pool:
        return sum(pool.map(partial(loop, folder), [[path] for path in _collected(folder)]))


def _collected(folder: Path) -> list[Path]:
    return sorted((folder / "plain" / "steps").glob("collect-*/rows/*.parquet"))


def _ran(folder: Path, engine: str) -> int:
    return runner.run(job(folder, engine), hashes=_hashes(folder))[-1].done.rows


def _one(folder: Path, _: Path) -> int:
    return _ran(folder, "one")


def _local(folder: Path, _: Path) -> int:
    return _ran(folder, "local")


def _ray(folder: Path, _: Path) -> int:
    return _ran(folder, "ray")


METHODS = (
    Method("a plain loop", _plain),
    Method("a plain loop on each core", _each),
    Method("ftc embedded, one process", _one),
    Method("ftc embedded, Daft on all cores", _local),
    Method("ftc on a local Ray", _ray, detached=True),
)
