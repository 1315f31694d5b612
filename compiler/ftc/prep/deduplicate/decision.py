"""All batches seen: which rows go and why, as a list per batch and one table of clusters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ftc.errors import FtcError
from ftc.prep.arrays import Numbers
from ftc.prep.deduplicate import against
from ftc.prep.deduplicate.gathered import all_pictures, column, ids, numbers
from ftc.prep.deduplicate.overlap import Known
from ftc.prep.deduplicate.verdict import EXACT, MEANING, NEAR, STAYS, Verdict, together, verdict
from ftc.prep.step import Inputs

REASONS = ("", "exact duplicate", "near duplicate", "same meaning")
CLUSTERS = pa.schema(
    [
        ("cluster", pa.int64()),  # from 1, the largest first
        ("row", pa.string()),
        ("kept", pa.bool_()),
        ("of", pa.string()),  # the kept row for which this one was dropped
        ("reason", pa.string()),
        ("jaccard", pa.float64()),  # with `of`; null where n-grams were not compared
        ("file", pa.string()),
        ("place", pa.string()),
    ]
)
DROPS = pa.schema([("index", pa.int64()), ("reason", pa.string()), ("detail", pa.string())])


def decide(
    paths: Sequence[Path], inputs: Inputs, folder: Path, there: Sequence[Path] = ()
) -> dict[str, float]:
    """Write `drops-NNNNN.arrow` for each batch and `clusters.parquet` into the folder.

    The rows of `there`, gathered like the others, are there already and never go.
    """
    folder.mkdir(parents=True, exist_ok=True)
    others = against.gathered(inputs, folder)
    every = [*paths, *there, *others]
    counts = [column(path, "points").num_rows for path in every]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    fixed = np.arange(starts[-1]) >= starts[len(paths)]
    grams = numbers(every, "grams")
    system = numbers(every, "system").view(np.uint64)
    known = Known(every, starts, ids(every), system, grams, all_pictures(every))
    found = verdict(known, fixed, inputs.settings)
    for i in range(len(paths)):
        _write_drops(known, found, i, folder)
    listed = _clusters(known, found)
    pq.write_table(listed, folder / "clusters.parquet")
    for path in others:
        path.unlink()
    sizes = np.bincount(listed["cluster"].to_numpy(), minlength=1)
    return {
        "deduplicate.exact": float((found.why == EXACT).sum()),
        "deduplicate.near": float((found.why == NEAR).sum()),
        "deduplicate.meaning": float((found.why == MEANING).sum()),
        "deduplicate.clusters": float((sizes > 0).sum()),
        "deduplicate.largest": float(sizes.max()),
        "deduplicate.unsettled": float(found.unsettled),
    }


def clusters(folder: Path) -> pa.Table:
    """The clusters that `decide` found, the largest first, the kept rows of each before others."""
    path = folder / "clusters.parquet"
    if not path.is_file():
        raise FtcError(f"{folder}: holds no clusters", hint="run ftc prepare first")
    return pq.read_table(path)


def drops(folder: Path, shard: int) -> pa.Table:
    """The rows of a batch that go, by their index in it."""
    with pa.memory_map(str(folder / f"drops-{shard:05}.arrow")) as source:
        return pa.ipc.open_file(source).read_all()


def _write_drops(known: Known, found: Verdict, shard: int, folder: Path) -> None:
    begin, end = known.starts[shard], known.starts[shard + 1]
    rows = np.flatnonzero(found.why[begin:end]) + begin
    keepers = known.ids.take(pa.array(found.keeper[rows])).to_pylist()
    through = known.ids.take(pa.array(found.through[rows])).to_pylist()
    kinds, alike = found.why[rows].tolist(), found.alike[rows].tolist()
    details = [_detail(*each) for each in zip(kinds, keepers, through, alike, strict=True)]
    reasons = [REASONS[kind] for kind in kinds]
    table = pa.table([pa.array(rows - begin), reasons, details], schema=DROPS)
    path = folder / f"drops-{shard:05}.arrow"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, DROPS) as writer:
        writer.write_table(table)


def _detail(kind: int, keeper: str, through: str, alike: float) -> str:
    measure = "cosine" if kind == MEANING else "jaccard"
    told = [] if math.isnan(alike) else [f"{measure} {alike:.2f}"]
    told += [f"through {through}"] if through != keeper else []
    return f"of {keeper} ({', '.join(told)})" if told else f"of {keeper}"


def _clusters(known: Known, found: Verdict) -> pa.Table:
    rows = np.flatnonzero(together(found.cluster))
    _, group, sizes = np.unique(found.cluster[rows], return_inverse=True, return_counts=True)
    number = np.empty(len(sizes), np.int64)
    number[np.argsort(-sizes, kind="stable")] = np.arange(1, len(sizes) + 1)
    kinds, alike = found.why[rows], found.alike[rows]
    kept = kinds == STAYS
    of = known.ids.take(pa.array(found.keeper[rows]))
    table = pa.table(
        [
            pa.array(number[group]),
            known.ids.take(pa.array(rows)),
            pa.array(kept),
            pc.if_else(pa.array(kept), "", of),
            pa.array(REASONS).take(pa.array(kinds)),
            pa.array(alike, mask=(kinds == MEANING) | np.isnan(alike)),
            _strings(known, "file", rows),
            _strings(known, "place", rows),
        ],
        schema=CLUSTERS,
    )
    return table.take(pa.array(np.lexsort((np.arange(len(rows)), ~kept, number[group]))))


def _strings(known: Known, name: str, rows: Numbers) -> pa.Array:
    """Values of a column for ascending rows, as one array."""
    edges = np.searchsorted(rows, known.starts)
    parts = [pa.array([], pa.string())]
    for i, path in enumerate(known.paths):
        chosen = rows[edges[i] : edges[i + 1]] - known.starts[i]
        if chosen.size:
            parts.append(column(path, name)[name].combine_chunks().take(pa.array(chosen)))
    return pa.concat_arrays(parts)
