"""The step: rows that hold an eval item are dropped or flagged, with the item and the overlap."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from ftc.prep import rows as table_of
from ftc.prep.decontaminate.find import Found, find
from ftc.prep.decontaminate.index import Index, build
from ftc.prep.decontaminate.items import Item, Items, gather, paths
from ftc.prep.decontaminate.words import spans, split
from ftc.prep.ledger import Ledger
from ftc.prep.step import Inputs, Outcome

REASON = "contains an eval item"
REFUSED = "eval row cannot be read"
FLAG = "eval-item"


class _Ready(NamedTuple):
    items: Items
    lookup: Index


class _Match(NamedTuple):
    """The item that a row holds most of, where, and how many others it holds."""

    item: int
    start: int
    end: int
    edits: int
    others: int


def files(inputs: Inputs) -> Sequence[Path]:
    """The eval files on this machine; FtcError when one is missing."""
    return paths(inputs.settings.against, inputs.folder)


def apply(rows: pa.Table, inputs: Inputs) -> Outcome:
    """Rows without those that hold an eval item, or with a flag on these.

    Figures of the eval items are those of the first batch alone. FtcError when an eval set cannot
    be read or holds nothing to look for.
    """
    ledger = Ledger()
    if not inputs.settings.against:
        return Outcome(rows, ledger.table())
    ready = _ready(inputs)
    figures = _counted(ready.items, ledger) if inputs.shard == 0 else {}
    texts = table_of.texts(rows)
    found = _matches(find(split(texts), ready.lookup), ready.lookup)
    _tell(rows, texts, found, ready, ledger, drop=inputs.settings.drop)
    whole = sum(match.edits == 0 for match in found.values())
    figures |= {"rows.whole_item": whole, "rows.changed_item": len(found) - whole}
    here = [i in found for i in range(rows.num_rows)]
    if inputs.settings.drop:
        rows = rows.filter(pc.invert(pa.array(here, pa.bool_())))
    elif found:
        flags = zip(rows["flags"].to_pylist(), here, strict=True)
        rows = table_of.with_column(rows, "flags", [old + [FLAG] * new for old, new in flags])
    return Outcome(rows, ledger.table(), figures)


def _ready(inputs: Inputs) -> _Ready:
    settings = inputs.settings
    stamps = [(path.stat().st_size, path.stat().st_mtime_ns) for path in files(inputs)]
    columns = None if settings.columns is None else tuple(settings.columns)
    shape = settings.edits, settings.min_words
    return _built(tuple(settings.against), columns, shape, inputs.folder, tuple(stamps))


@lru_cache(maxsize=2)
def _built(
    against: tuple[str, ...],
    columns: tuple[str, ...] | None,
    shape: tuple[float, int],
    folder: Path,
    stamps: tuple[tuple[int, int], ...],
) -> _Ready:
    """Read once a process; `stamps` are here to tell changed files from those read before."""
    edits, min_words = shape
    items = gather(against, columns, min_words, folder)
    return _Ready(items, build([item.text for item in items.found], edits))


def _counted(items: Items, ledger: Ledger) -> dict[str, float]:
    for bad in items.rejected:
        place = f"line {bad.line}"
        ledger.add("refused", "", REFUSED, detail=bad.reason, file=bad.file, place=place)
    return {
        "eval.items": len(items.found),
        "eval.too_short": items.short,
        "eval.repeated": items.repeated,
        "eval.refused": len(items.rejected),
    }


def _matches(found: Found, index: Index) -> dict[int, _Match]:
    """By row; the first of the items of which most words are there."""
    best: dict[int, _Match] = {}
    columns = (column.tolist() for column in found)
    for row, item, start, end, edits in zip(*columns, strict=True):
        old = best.get(row)
        if old is None:
            best[row] = _Match(item, start, end, edits, 0)
        elif index.lengths[item] - edits > index.lengths[old.item] - old.edits:
            best[row] = _Match(item, start, end, edits, old.others + 1)
        else:
            best[row] = old._replace(others=old.others + 1)
    return best


def _tell(
    rows: pa.Table,
    texts: Sequence[str],
    found: dict[int, _Match],
    ready: _Ready,
    ledger: Ledger,
    *,
    drop: bool,
) -> None:
    told = rows.select(["id", "file", "place"]).take(pa.array(list(found), pa.int64()))
    for i, row in zip(found, told.to_pylist(), strict=True):
        match, item = found[i], ready.items.found[found[i].item]
        ledger.add(
            "dropped" if drop else "flagged",
            row["id"],
            REASON,
            detail=_detail(texts[i], match, item, int(ready.lookup.lengths[match.item])),
            file=row["file"],
            place=row["place"],
            before=texts[i],
            after="" if drop else texts[i],
        )


def _detail(text: str, match: _Match, item: Item, length: int) -> str:
    """Which item, how much of it, and the words of the row where it stands."""
    there = spans(text, match.end)[match.start :]
    overlap = " ".join(text[there[0][0] : there[-1][1]].split()) if there else ""
    edits = f", {match.edits} changed" if match.edits else ""
    others = f"; {match.others} more items" if match.others else ""
    return f"{item.file}:{item.line} ({item.column}), {length} words{edits}: {overlap}{others}"
