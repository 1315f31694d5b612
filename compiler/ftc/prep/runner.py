"""Runs the steps of a recipe in their order; what is there under the same key is taken as it is."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pyarrow.compute as pc

from ftc.errors import FtcError
from ftc.prep import collect, engine, keys, pipeline
from ftc.prep.collect import Found
from ftc.prep.pipeline import COLLECT, STEPS
from ftc.prep.result import content_hash
from ftc.prep.rows import dumped
from ftc.prep.step import Inputs, Step
from ftc.prep.store import Batch, Done, Folder, read_json, read_table, whole
from ftc.prep.work import Act, Task, work
from ftc.preparation import Prepare
from ftc.progress import Progress

HINTS = {  # where no row is left
    "annotate": "name rules that fit in [prepare.annotate], or fill a sheet: ftc data annotate "
    "RECIPE --out sheet.jsonl",
    "collect": "ftc data RECIPE --samples 5 shows why files and rows were refused",
}
UNIT_BYTES = 1 << 26  # of small sources that one task reads
UNIT_FILES = 2_000


@dataclass(frozen=True)
class Job:
    """What does not change from step to step. `root` is the folder of the prepared data."""

    prepare: Prepare
    folder: Path  # of the recipe
    root: Path
    seed: int
    engine: engine.Engine = "local"
    progress: Progress = lambda step, done, total: None
    cores: int | None = None

    def inputs(self, step: str) -> Inputs:
        """What a step may know, before it is told of a batch."""
        return Inputs(self.folder, self.prepare, getattr(self.prepare, step), self.seed)


@dataclass(frozen=True)
class Ran:
    """A step that is up to date, and whether this run made it so."""

    done: Done
    folder: Folder
    fresh: bool


def names(prepare: Prepare) -> list[str]:
    """The steps that a recipe has, in their order."""
    return [COLLECT, *(name for name in STEPS if name not in prepare.skip)]


def run(job: Job, last: str | None = None, hashes: Mapping[Path, str] | None = None) -> list[Ran]:
    """Bring the steps up to date, through `last` or to the end; FtcError when no row is left.

    `hashes` are sha256 of sources, by path, where they are known already.
    """
    ran = [_collected(job, hashes or {})]
    for name in names(job.prepare)[1:]:
        if ran[-1].done.step == last:
            break
        ran.append(_stepped(job, pipeline.load(name), ran[-1]))
    return ran


def _collected(job: Job, hashes: Mapping[Path, str]) -> Ran:
    inputs = job.inputs(COLLECT)
    sources = collect.found(inputs)
    parts = {
        "settings": inputs.settings.model_dump_json(),
        "strict": job.prepare.strict,
        "sources": [[it.name, it.kind, hashes.get(it.path) or _source_hash(it)] for it in sources],
        "code": keys.code((*keys.SHARED, "ftc.prep.collect", *collect.CODE)),
        "libraries": [f"{name} {keys.installed(name)}" for name in collect.LIBRARIES],
    }
    folder = Folder(job.root, COLLECT, sha256(dumped(parts).encode()).hexdigest())
    tasks = [
        _task(job, folder, "collect", number, found=unit)
        for number, unit in enumerate(_units(sources))
    ]
    return _finished(folder, "", lambda: _ran(job, folder, tasks))


def _source_hash(found: Found) -> str:
    """A hash of the content of a source; that of its name when it is no file."""
    if not found.path.is_file():
        return sha256(found.name.encode()).hexdigest()
    return content_hash(found.path)


def _units(sources: Sequence[Found]) -> list[list[Found]]:
    units: list[list[Found]] = []
    size = 0
    for found in sources:
        if not units or size + found.size > UNIT_BYTES or len(units[-1]) >= UNIT_FILES:
            units.append([])
            size = 0
        units[-1].append(found)
        size += found.size
    return units


def _stepped(job: Job, step: Step, before: Ran) -> Ran:
    folder = Folder(job.root, step.name, keys.key(step, job.inputs(step.name), before.done.key))
    sources = [before.folder.rows(batch.name) for batch in before.done.batches]

    def tasks(act: Act) -> list[Task]:
        return [_task(job, folder, act, i, source=path) for i, path in enumerate(sources)]

    def make() -> dict[str, float]:
        figures: dict[str, float] = {}
        if step.gather and step.decide:
            figures = _decided(job, step, folder, tasks("gather"))
        _ran(job, folder, tasks("apply"))
        return figures

    return _finished(folder, before.done.key, make)


def _decided(job: Job, step: Step, folder: Folder, tasks: list[Task]) -> dict[str, float]:
    """Look at all batches, then decide about all rows; the figures of that."""
    said = folder.decision / "figures.json"
    if not folder.decision.is_dir():
        waiting = [task for task in tasks if not folder.gathered(task.number).exists()]
        _through_engine(job, folder, waiting, len(tasks))
        paths = [folder.gathered(task.number) for task in tasks]
        decide, inputs = step.decide, job.inputs(step.name)

        def write(out: Path) -> None:
            out.mkdir()
            figures = decide(paths, inputs, out) if decide else {}
            (out / said.name).write_text(json.dumps(figures), "utf-8")

        whole(folder.decision, write)
    figures = read_json(said)
    return figures if isinstance(figures, dict) else {}


def _task(
    job: Job,
    folder: Folder,
    act: Act,
    number: int,
    *,
    source: Path | None = None,
    found: Sequence[Found] = (),
) -> Task:
    return Task(
        step=folder.step,
        key=folder.key,
        act=act,
        number=number,
        root=str(job.root),
        folder=str(job.folder),
        prepare=job.prepare.model_dump_json(),
        seed=job.seed,
        source=str(source or ""),
        found=tuple((str(it.path), it.name, it.kind, it.size) for it in found),
    )


def _ran(job: Job, folder: Folder, tasks: list[Task]) -> dict[str, float]:
    waiting = [task for task in tasks if read_json(folder.unit(task.number)) is None]
    _through_engine(job, folder, waiting, len(tasks))
    return {}


def _through_engine(job: Job, folder: Folder, tasks: list[Task], total: int) -> None:
    done = total - len(tasks)
    job.progress(folder.step, done, total)
    for text in engine.run([task.text() for task in tasks], work, job.engine, job.cores):
        said = json.loads(text)
        if "error" in said:
            raise FtcError(said["error"], hint=said["hint"])
        if job.prepare.strict:
            _check_strict(folder, said["number"])
        done += 1
        job.progress(folder.step, done, total)


def _check_strict(folder: Folder, number: int) -> None:
    """FtcError for the first place that was refused."""
    for batch in read_json(folder.unit(number)) or []:
        lines = read_table(folder.ledger(batch["name"]))
        bad = lines.filter(pc.equal(lines["action"], "refused")).slice(0, 1).to_pylist()
        if bad:
            shutil.rmtree(folder.path)
            place = ":".join(part for part in (bad[0]["file"], bad[0]["place"]) if part)
            detail = f": {bad[0]['detail']}" if bad[0]["detail"] else ""
            raise FtcError(
                f"{place}: {bad[0]['reason']}{detail}",
                hint="mend or leave out that place, or take strict out of [prepare]: it is counted",
            )


def _finished(folder: Folder, before: str, make: Callable[[], dict[str, float]]) -> Ran:
    """The step as it was left, or made now; folders of earlier keys go when it is there."""
    done = folder.done()
    fresh = done is None
    if done is None:
        figures: Counter[str] = Counter()
        figures.update(make())
        batches = _batches(folder)
        for batch in batches:
            figures.update(batch.figures)
        told: dict[str, float] = dict(sorted(figures.items()))
        done = Done(folder.step, folder.key, before, tuple(batches), told)
        folder.finish(done)
        for other in folder.others():
            shutil.rmtree(other, ignore_errors=True)
    if not done.rows:
        reasons = "; ".join(f"{count} x {why}" for why, count in list(done.dropped.items())[:4])
        hint = HINTS.get(done.step, f"ftc data RECIPE shows them; look at [prepare.{done.step}]")
        raise FtcError(
            f"prepare.{done.step}: no row is left after this step ({reasons or 'none came in'})",
            hint=hint,
        )
    return Ran(done, folder, fresh)


def _batches(folder: Folder) -> list[Batch]:
    units = sorted((folder.path / "units").glob("*.json"))
    return [Batch(**batch) for unit in units for batch in read_json(unit)]
