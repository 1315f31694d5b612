"""What all rows are like, task by task, and which of them say the same or contradict each other."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

ALL = "all"
LEAST = 20  # rows from which a task has a norm of its own; judgment
TOLERANCE = 0.35  # least spread of a length on a log scale: by 1.4 either way; judgment
NORMAL = 1.4826  # a normal distribution's standard deviation in median absolute deviations


@dataclass(frozen=True)
class Norm:
    """Of the rows of a task: center and spread of log lengths, shares of forms and of tones.

    Rows with several answers are a kind of their own, whatever their task.
    """

    count: int
    words: tuple[float, float]
    ratio: tuple[float, float]  # of words in the answer to words in the prompt
    forms: dict[str, float]
    tones: dict[str, float]


@dataclass(frozen=True)
class Decision:
    """What `decide` found: norms by task, and what it says of rows of this batch by index."""

    norms: dict[str, Norm]
    ends: float  # share of long answers that end where a sentence ends; 0 when there are too few
    rows: pa.Table | None = None  # what `survey.gathered` said of the rows of this batch
    twice: dict[int, str] = field(default_factory=dict)
    against: dict[int, str] = field(default_factory=dict)

    def norm(self, task: str) -> Norm | None:
        """That of the task, else of all rows, else none."""
        return self.norms.get(task) or self.norms.get(ALL)


def write(gathered: pa.Table, forms: Sequence[str], out: Path) -> None:
    """Work out the norms of rows that `survey.gathered` describes and keep them."""
    tasks = np.array(gathered["kind"].to_pylist(), object)
    asked = gathered.num_rows and tasks != "text"
    found = {}
    for task in [ALL, *sorted(set(tasks.tolist()) - {"text"})]:
        mask = asked if task == ALL else tasks == task
        if np.count_nonzero(mask) >= LEAST:
            found[task] = _norm(gathered.filter(pa.array(mask)), forms)
    long = np.asarray(gathered["prose"].to_numpy(), np.bool_)
    ended = np.asarray(gathered["ended"].to_numpy(), np.bool_)[long]
    ends = float(ended.mean()) if len(ended) >= LEAST else 0.0
    said = {"ends": ends, "norms": {task: vars(norm) for task, norm in found.items()}}
    (out / "norms.json").write_text(json.dumps(said, sort_keys=True), "utf-8")


def _norm(rows: pa.Table, forms: Sequence[str]) -> Norm:
    lengths = rows["words"].to_numpy()
    bits = rows["forms"].to_numpy()
    told = rows["told"].to_numpy()  # bits of forms that the answer is long enough to have
    shares = {}
    for bit, name in enumerate(forms):
        may = (told >> bit) & 1 == 1
        if np.count_nonzero(may) >= LEAST:
            shares[name] = float(((bits[may] >> bit) & 1).mean())
    tones = Counter(rows["tone"].to_pylist())
    return Norm(
        rows.num_rows,
        _center(np.log1p(lengths)),
        _center(np.log1p(lengths) - np.log1p(rows["asked"].to_numpy())),
        shares,
        {tone: count / rows.num_rows for tone, count in sorted(tones.items())},
    )


def _center(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Median, and the spread that a normal distribution would have, at least `TOLERANCE`."""
    middle = float(np.median(values))
    spread = NORMAL * float(np.median(np.abs(values - middle)))
    return middle, max(spread, TOLERANCE)


def read(folder: Path, shard: int) -> Decision:
    """What was decided, for one batch."""
    said = json.loads((folder / "norms.json").read_text("utf-8"))
    norms = {
        task: Norm(**norm | {"words": tuple(norm["words"]), "ratio": tuple(norm["ratio"])})
        for task, norm in said["norms"].items()
    }
    rows = pq.read_table(folder / f"{shard:06}-rows.parquet")
    lines = pq.read_table(folder / f"{shard:06}.parquet").to_pydict()
    told: dict[str, dict[int, str]] = {"twice": {}, "against": {}}
    for index, kind, detail in zip(lines["index"], lines["kind"], lines["detail"], strict=True):
        told[kind][index] = detail
    return Decision(norms, said["ends"], rows, told["twice"], told["against"])
