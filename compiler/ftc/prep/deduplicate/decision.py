"""All batches seen: which rows go and why, as a list per batch and one table of clusters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ftc.errors import FtcError
from ftc.prep.deduplicate import against, meaning, near
from ftc.prep.deduplicate.arrays import Floats, Numbers, Truths, firsts
from ftc.prep.deduplicate.gathered import all_pictures, column, embeddings, numbers
from ftc.prep.deduplicate.groups import united
from ftc.prep.deduplicate.overlap import Known, jaccards
from ftc.prep.step import Inputs

STAYS, EXACT, NEAR, MEANING = range(4)
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


class Verdict(NamedTuple):
    """For each row: why it goes, for which kept row, through which row, how alike, its cluster."""

    why: Numbers
    keeper: Numbers
    through: Numbers
    alike: Floats
    cluster: Numbers


def decide(paths: Sequence[Path], inputs: Inputs, folder: Path) -> dict[str, float]:
    """Write `drops-NNNNN.arrow` for each batch and `clusters.parquet` into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    others = against.gathered(inputs, folder)
    every = [*paths, *others]
    counts = [column(path, "points").num_rows for path in every]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    fixed = np.arange(starts[-1]) >= starts[len(paths)]
    known = Known(every, starts, numbers(every, "grams"), all_pictures(every))
    verdict, unsettled = _verdict(known, fixed, inputs)
    for i in range(len(paths)):
        _write_drops(known, verdict, i, folder)
    listed = _clusters(known, verdict)
    pq.write_table(listed, folder / "clusters.parquet")
    for path in others:
        path.unlink()
    sizes = np.bincount(listed["cluster"].to_numpy(), minlength=1)
    return {
        "deduplicate.exact": float((verdict.why == EXACT).sum()),
        "deduplicate.near": float((verdict.why == NEAR).sum()),
        "deduplicate.meaning": float((verdict.why == MEANING).sum()),
        "deduplicate.clusters": float((sizes > 0).sum()),
        "deduplicate.largest": float(sizes.max()),
        "deduplicate.unsettled": float(unsettled),
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


def _verdict(known: Known, fixed: Truths, inputs: Inputs) -> tuple[Verdict, int]:
    settings, count = inputs.settings, len(fixed)
    why, keeper = np.zeros(count, np.int64), np.arange(count)
    alike, labels = np.ones(count), np.arange(count)
    unsettled = 0
    if settings.exact or settings.near:
        rows, best = _equal(known, fixed)
        why[rows] = EXACT if settings.exact else NEAR
        keeper[rows] = best
        labels = united(labels, rows, best)
    same = keeper.copy()
    if settings.near:
        _, first = np.unique(numbers(known.paths, "same"), return_index=True)
        alive = why == STAYS
        alive[first] = True  # of rows that differ in punctuation alone, other rows may be alike
        found = near.groups(known, alive, settings.threshold)
        labels = united(labels, np.arange(count), found)
        members = _ranked(known, fixed, np.flatnonzero((why == STAYS) & _together(labels)))
        dropped, rest = near.drops(known, labels, members, fixed, settings.threshold)
        why[dropped.rows], keeper[dropped.rows] = NEAR, dropped.keepers
        unsettled += rest
    if settings.meaning is not None:
        rows = _ranked(known, fixed, np.flatnonzero(why == STAYS))
        vectors = embeddings(known.paths, known.starts, rows)
        dropped, found, rest = meaning.drops(vectors, rows, fixed, settings.meaning)
        why[dropped.rows], keeper[dropped.rows] = MEANING, dropped.keepers
        alike[dropped.rows] = dropped.alike
        labels = united(labels, np.arange(count), found)
        unsettled += rest
    final = _final(keeper)
    compared = np.flatnonzero(((why == EXACT) | (why == NEAR)) & ~fixed)
    if settings.near:
        alike[compared] = jaccards(known, compared, final[compared])
    why[fixed] = STAYS
    return Verdict(why, final, np.where(same != np.arange(count), same, keeper), alike, labels), (
        unsettled
    )


def _final(keeper: Numbers) -> Numbers:
    """The row that stays, where rows go for one that goes itself."""
    while True:
        after = keeper[keeper]
        if np.array_equal(after, keeper):
            return keeper
        keeper = after


def _equal(known: Known, fixed: Truths) -> tuple[Numbers, Numbers]:
    """Rows that are equal to a better one, and that one for each."""
    equal = numbers(known.paths, "equal")
    _, group, sizes = np.unique(equal, return_inverse=True, return_counts=True)
    members = _ranked(known, fixed, np.flatnonzero(sizes[group] > 1))
    members = members[np.argsort(group[members], kind="stable")]
    heads = firsts(group[members])
    best = members[heads][np.cumsum(heads) - 1]
    return members[~heads], best[~heads]


def _together(labels: Numbers) -> Truths:
    """Which rows are not alone."""
    return np.asarray(np.bincount(labels, minlength=len(labels))[labels] > 1)


def _ranked(known: Known, fixed: Truths, rows: Numbers) -> Numbers:
    """Rows by worth, best first: fixed ones, points, richer, longer, then by id."""
    if not rows.size:
        return rows
    ids = np.array(_strings(known, "id", rows).to_pylist(), np.str_)
    size, points = numbers(known.paths, "size"), numbers(known.paths, "points")
    keys = (ids, -size[rows], -known.grams[rows], -points[rows], ~fixed[rows])
    return rows[np.lexsort(keys)]


def _strings(known: Known, name: str, rows: Numbers) -> pa.Array:
    """Values of a column for ascending rows, as one array."""
    edges = np.searchsorted(rows, known.starts)
    parts = [pa.array([], pa.string())]
    for i, path in enumerate(known.paths):
        chosen = rows[edges[i] : edges[i + 1]] - known.starts[i]
        if chosen.size:
            parts.append(column(path, name)[name].combine_chunks().take(pa.array(chosen)))
    return pa.concat_arrays(parts)


def _named(known: Known, rows: Numbers) -> pa.Array:
    """Ids of rows in any order."""
    different, places = np.unique(rows, return_inverse=True)
    return _strings(known, "id", different).take(pa.array(places))


def _write_drops(known: Known, verdict: Verdict, shard: int, folder: Path) -> None:
    begin, end = known.starts[shard], known.starts[shard + 1]
    rows = np.flatnonzero(verdict.why[begin:end]) + begin
    keepers = _named(known, verdict.keeper[rows]).to_pylist()
    through = _named(known, verdict.through[rows]).to_pylist()
    kinds = verdict.why[rows].tolist()
    details = [
        _detail(kind, keeper, other, alike)
        for kind, keeper, other, alike in zip(
            kinds, keepers, through, verdict.alike[rows].tolist(), strict=True
        )
    ]
    reasons = [REASONS[kind] for kind in kinds]
    table = pa.table([pa.array(rows - begin), reasons, details], schema=DROPS)
    path = folder / f"drops-{shard:05}.arrow"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, DROPS) as writer:
        writer.write_table(table)


def _detail(kind: int, keeper: str, through: str, alike: float) -> str:
    measure = "cosine" if kind == MEANING else "jaccard"
    by = f", through {through}" if through != keeper else ""
    return f"of {keeper} ({measure} {alike:.2f}{by})"


def _clusters(known: Known, verdict: Verdict) -> pa.Table:
    rows = np.flatnonzero(_together(verdict.cluster))
    _, group, sizes = np.unique(verdict.cluster[rows], return_inverse=True, return_counts=True)
    number = np.empty(len(sizes), np.int64)
    number[np.argsort(-sizes, kind="stable")] = np.arange(1, len(sizes) + 1)
    kinds = verdict.why[rows]
    alike = pa.array(verdict.alike[rows], mask=(kinds == MEANING))
    kept = kinds == STAYS
    table = pa.table(
        [
            pa.array(number[group]),
            _strings(known, "id", rows),
            pa.array(kept),
            pc.if_else(pa.array(kept), "", _named(known, verdict.keeper[rows])),
            pa.array(REASONS).take(pa.array(kinds)),
            alike,
            _strings(known, "file", rows),
            _strings(known, "place", rows),
        ],
        schema=CLUSTERS,
    )
    order = np.lexsort((np.arange(len(rows)), ~kept, number[group]))
    return table.take(pa.array(order))
