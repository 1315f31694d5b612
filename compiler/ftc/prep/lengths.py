"""How many tokens finished rows have: prompt, answer and whole, with the model's own tokenizer.

All rows are counted when they are few or `full` is asked for, else those that `sample` picks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ftc import recipe
from ftc.data.example import Example
from ftc.data.formats import FORMATS
from ftc.data.table import BadRow
from ftc.facts import tokens
from ftc.facts.tokens import CHUNK, Counter, RowRefused
from ftc.prep import sample
from ftc.prep.canonical import record
from ftc.prep.quick import quick
from ftc.prep.rows import Form, each, texts
from ftc.prep.sample import Progress

EXACT_ROWS = 50_000  # as many rows are all counted
BARS = 16  # of the histogram up to p99
STAGES: dict[Form, recipe.Stage] = {
    "chunk": "pretrain",
    "text": "pretrain",
    "chat": "sft",
    "segments": "sft",
    "preference": "dpo",
    "kto": "kto",
}
_NAMES: dict[Form, str] = {
    "chat": "messages",
    "segments": "segments",
    "preference": "preference",
    "kto": "kto",
}
LAYOUTS = {
    form: layout.convert
    for form, name in _NAMES.items()
    for layout in FORMATS
    if layout.name == name
}
Ints = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """Tokens per row: nearest-rank quantiles, the most in a row that was counted, and the mean."""

    mean: float
    p50: int
    p95: int
    p99: int
    max: int


@dataclass(frozen=True)
class Bar:
    """About `rows` rows have `start` tokens or more and less than `end`."""

    start: int
    end: int
    rows: int


@dataclass(frozen=True)
class TokenLengths:
    """Lengths of all rows. `counted` rows were counted; `exact` when these are all, and by the
    model's tokenizer. Without a tokenizer (`tokenizer` is False) they are estimated from bytes.
    `refused` rows of those counted are not in: the chat template refuses them."""

    rows: int
    counted: int
    refused: int
    tokenizer: bool
    exact: bool
    tokens: int  # of all rows together
    total: Spread
    prompt: Spread
    answer: Spread
    histogram: tuple[Bar, ...]  # of the whole length
    over: tuple[tuple[int, int], ...]  # (limit, rows that are longer)

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return asdict(self)


@dataclass(frozen=True)
class _Counted:
    """Lengths of rows, and how many rows each of them stands for."""

    total: Ints
    prompt: Ints
    answer: Ints
    weights: Weights
    refused: int


def measure(
    shards: Sequence[Path],
    counter: Counter | None,
    *,
    seed: int,
    full: bool = False,
    limits: Sequence[int] = (),
    progress: Progress = lambda done, rows: None,
) -> TokenLengths | None:
    """Lengths of the rows in Parquet files of `rows.SCHEMA`; None when there are no rows.

    `counter` is that of `facts.tokens.counter`, None: estimated by `tokens.BYTES_PER_TOKEN`.
    `limits` are lengths of which is told how many rows are longer.
    """
    rows = sum(pq.read_metadata(path).num_rows for path in shards)
    if not rows:
        return None
    everything = full or rows <= EXACT_ROWS
    counter = quick(counter) if counter else None
    found = (_all if everything else _sampled)(shards, counter, seed, rows, progress)
    whole = found.weights.sum()
    return TokenLengths(
        rows=rows,
        counted=len(found.total) + found.refused,
        refused=found.refused,
        tokenizer=counter is not None,
        exact=everything and counter is not None,
        tokens=round(float((found.total * found.weights).sum())),
        total=_spread(found.total, found.weights),
        prompt=_spread(found.prompt, found.weights),
        answer=_spread(found.answer, found.weights),
        histogram=_histogram(found.total, found.weights) if whole else (),
        over=tuple(
            (limit, round(float(found.weights[found.total > limit].sum()))) for limit in limits
        ),
    )


def _all(
    shards: Sequence[Path], counter: Counter | None, seed: int, rows: int, progress: Progress
) -> _Counted:
    parts = []
    done = 0
    for batch in sample.batches(shards, CHUNK):
        parts.append(_count(batch, counter))
        done += batch.num_rows
        progress(done, rows)
    return _joined(parts, [1.0] * len(parts))


def _sampled(
    shards: Sequence[Path], counter: Counter | None, seed: int, rows: int, progress: Progress
) -> _Counted:
    parts = sample.pick(shards, rows, seed, progress)
    return _joined([_in_chunks(part.table, counter) for part in parts], [p.weight for p in parts])


def _in_chunks(rows: pa.Table, counter: Counter | None) -> _Counted:
    parts = [_count(rows.slice(i, CHUNK), counter) for i in range(0, rows.num_rows, CHUNK)]
    return _joined(parts, [1.0] * len(parts))


def _count(rows: pa.Table, counter: Counter | None) -> _Counted:
    """Rows of any forms; their order is not kept."""
    parts = []
    for form in sorted(set(rows["form"].to_pylist())):
        some = rows.filter(pc.equal(rows["form"], form))
        parts.append(_lengths(_examples(some, form), STAGES[form], counter, some.num_rows))
    return _joined(parts, [1.0] * len(parts))


def _examples(rows: pa.Table, form: Form) -> list[Example]:
    """The rows as `ftc build` will read them; those that it would refuse are left out."""
    if STAGES[form] == "pretrain":
        return [Example("", "", 0, text=text) for text in texts(rows)]
    for name in ("id", "file", "place", "medium", "title"):
        rows = rows.append_column(name, pa.array([""] * rows.num_rows))
    for name in ("parents", "flags"):
        rows = rows.append_column(name, pa.array([[]] * rows.num_rows, pa.list_(pa.string())))
    rows = rows.append_column("notes", pa.array(["{}"] * rows.num_rows))
    found = []
    for row in each(rows):
        try:
            found.append(LAYOUTS[form](record(row)))
        except BadRow:
            continue
    return found


def _lengths(
    examples: Sequence[Example], stage: recipe.Stage, counter: Counter | None, rows: int
) -> _Counted:
    if counter is None:
        found = tokens.estimate(examples, stage)
    else:
        try:
            found = counter.lengths(examples, stage)
        except RowRefused:
            examples = [one for one in examples if not counter.refusal(one)]
            found = counter.lengths(examples, stage)
    total, prompt, answer = (
        np.array(part, np.int64) for part in (found.total, found.prompt, found.answer)
    )
    return _Counted(total, prompt, answer, np.ones(len(examples)), rows - len(examples))


def _joined(parts: Sequence[_Counted], weights: Sequence[float]) -> _Counted:
    """All lengths; those of each part weigh as much as is said."""

    def column(name: str) -> npt.NDArray[Any]:  # Any: of lengths, or of weights
        return np.concatenate([np.zeros(0, np.int64), *(getattr(part, name) for part in parts)])

    scaled = [part.weights * weight for part, weight in zip(parts, weights, strict=True)]
    return _Counted(
        column("total"),
        column("prompt"),
        column("answer"),
        np.concatenate([np.zeros(0), *scaled]),
        sum(part.refused for part in parts),
    )


def _spread(lengths: Ints, weights: Weights) -> Spread:
    if not len(lengths):
        return Spread(0.0, 0, 0, 0, 0)
    order = np.argsort(lengths, kind="stable")
    sums = np.cumsum(weights[order])
    # half a part in a million: sums of weights are not exact
    ranks = np.searchsorted(sums, np.array([0.5, 0.95, 0.99]) * sums[-1] * (1 - 5e-7))
    middle, high, highest = lengths[order][ranks].tolist()
    mean = float((lengths * weights).sum() / sums[-1])
    return Spread(round(mean, 2), middle, high, highest, int(lengths.max()))


def _histogram(lengths: Ints, weights: Weights) -> tuple[Bar, ...]:
    """Bars of equal, round width up to p99, and one for all that is longer."""
    high = _spread(lengths, weights).p99
    width = _round(high / BARS)
    edges = [*range(0, high + width, width)]
    if int(lengths.max()) >= edges[-1]:
        edges.append(int(lengths.max()) + 1)
    rows, _ = np.histogram(lengths, edges, weights=weights)
    return tuple(
        Bar(start, end, round(float(count)))
        for start, end, count in zip(edges, edges[1:], rows, strict=False)
    )


def _round(least: float) -> int:
    """The least of 1, 2, 5, 10, 20, 50, ... that is not below."""
    power = 1
    while True:
        for digit in (1, 2, 5):
            if digit * power >= least:
                return digit * power
        power *= 10
