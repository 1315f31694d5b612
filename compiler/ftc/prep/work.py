"""One task of a step, in whatever process the engine gives it: reads files, writes files."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from ftc.errors import FtcError
from ftc.prep import ledger, pipeline, rows
from ftc.prep.pipeline import COLLECT
from ftc.prep.step import Inputs, Outcome
from ftc.prep.store import BATCH, Batch, Folder, read_table, whole, write_json, write_table
from ftc.preparation import Prepare

Act = Literal["collect", "gather", "apply"]


@dataclass(frozen=True)
class Task:
    """What to do with one unit of a step: some sources, or one batch of the step before."""

    step: str
    key: str
    act: Act
    number: int
    root: str  # folder of the prepared data
    folder: str  # of the recipe
    prepare: str  # JSON
    seed: int
    source: str = ""  # the batch's file
    found: tuple[tuple[str, str, str, int], ...] = ()

    def text(self) -> str:
        """The task as the engine carries it."""
        return json.dumps(asdict(self))


def work(text: str) -> str:
    """Do a task; gives {"number", "rows"} or {"error", "hint"} back as JSON."""
    said = json.loads(text)
    task = Task(**said | {"found": tuple(tuple(item) for item in said["found"])})
    try:
        return json.dumps({"number": task.number, "rows": _done(task)})
    except FtcError as error:
        return json.dumps({"error": str(error), "hint": error.hint})


def _done(task: Task) -> int:
    folder = Folder(Path(task.root), task.step, task.key)
    prepare = Prepare.model_validate_json(task.prepare)
    inputs = Inputs(
        folder=Path(task.folder),
        prepare=prepare,
        settings=getattr(prepare, task.step),
        seed=task.seed,
        shard=task.number,
        decision=folder.decision if task.act == "apply" else None,
    )
    if task.act == "collect":
        from ftc.prep.collect import Found, read  # noqa: PLC0415 - start-up of every worker

        files = [Found(Path(path), name, kind, size) for path, name, kind, size in task.found]
        outcomes = gathered(outcome for file in files for outcome in read(file, inputs))
        return _write(folder, task.number, outcomes, COLLECT)
    _spare_pandas()
    step = pipeline.load(task.step)
    table = read_table(Path(task.source))
    if task.act == "gather":
        gather = step.gather
        if gather is not None:
            whole(folder.gathered(task.number), lambda out: gather(table, inputs, out))
        return int(table.num_rows)
    return _write(folder, task.number, [step.apply(table, inputs)], task.step, table.num_rows)


class _Absent(MetaPathFinder):
    """Finds that pandas is not installed."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """ModuleNotFoundError for pandas."""
        if name == "pandas":
            raise ModuleNotFoundError(name)


def _spare_pandas() -> None:
    """pyarrow loads pandas, where there is one, when it makes its first array: 0.3 CPU seconds for
    every worker (measured). Told once that there is none, it asks no more until a table is to
    become one of pandas. Not for collect, which reads times to the nanosecond with it."""
    if "pandas" not in sys.modules:
        absent = _Absent()
        sys.meta_path.insert(0, absent)
        pa.array([""])
        sys.meta_path.remove(absent)


def gathered(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """The same rows in batches as large as they may be."""
    waiting: list[Outcome] = []
    count = 0
    for outcome in outcomes:
        if waiting and count + outcome.rows.num_rows > BATCH:
            yield _joined(waiting)
            waiting, count = [], 0
        waiting.append(outcome)
        count += outcome.rows.num_rows
    if waiting:
        yield _joined(waiting)


def _joined(outcomes: list[Outcome]) -> Outcome:
    figures: Counter[str] = Counter()
    for outcome in outcomes:
        figures.update(outcome.figures)
    return Outcome(
        pa.concat_tables([outcome.rows for outcome in outcomes]).combine_chunks(),
        pa.concat_tables([outcome.ledger for outcome in outcomes]).combine_chunks(),
        dict(figures),
    )


def _write(
    folder: Folder, number: int, outcomes: Iterable[Outcome], step: str, read_rows: int = 0
) -> int:
    """Rows and ledgers first, then the file that says that they are there."""
    batches = []
    for part, outcome in enumerate(outcomes):
        name = f"{number:05}-{part:05}" if step == COLLECT else f"{number:05}"
        _check(outcome, step)
        write_table(folder.rows(name), outcome.rows)
        write_table(folder.ledger(name), outcome.ledger)
        batches.append(_batch(name, outcome, read_rows or outcome.rows.num_rows))
    write_json(folder.unit(number), [asdict(batch) for batch in batches])
    return sum(batch.rows for batch in batches)


def _check(outcome: Outcome, step: str) -> None:
    if outcome.rows.schema != rows.SCHEMA or outcome.ledger.schema != ledger.SCHEMA:
        raise TypeError(f"step {step} gave a table of another shape")


def _batch(name: str, outcome: Outcome, read_rows: int) -> Batch:
    lines = outcome.ledger
    gone = lines.filter(pc.is_in(lines["action"], pa.array(["dropped", "refused"])))
    counts = gone["reason"].value_counts().to_pylist()
    changed = pc.is_in(lines["action"], pa.array(["changed", "made"]))
    return Batch(
        name,
        outcome.rows.num_rows,
        read_rows,
        {count["values"]: count["counts"] for count in counts},
        pc.sum(changed).as_py() or 0,
        outcome.figures,
    )
