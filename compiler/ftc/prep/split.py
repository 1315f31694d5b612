"""The last step: which rows are held out, and the files of rows that `ftc build` reads."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from ftc.errors import FtcError
from ftc.prep.canonical import FORMS, asked, record
from ftc.prep.groups import held_out, names
from ftc.prep.ledger import Ledger
from ftc.prep.rows import Row, each
from ftc.prep.store import read_table, whole, write_table
from ftc.recipe import Stage

Part = Literal["train", "eval"]


class Split(NamedTuple):
    """Rows in each file; `other` counts rows that the stage cannot train on, by their form."""

    train: int
    eval: int
    other: dict[str, int]


def write(
    sources: Sequence[Path], root: Path, ledger: Path, *, stage: Stage, share: float, seed: int
) -> Split:
    """Write train.jsonl and eval.jsonl below `root`, and which rows were left out into `ledger`.

    Rows that ask the same, or that have a parent in common, are never on both sides. FtcError
    when no row is of the form that the stage trains on.
    """
    lines, other = Ledger(), dict[str, int]()
    owners, keys, count = array("q"), array("Q"), 0
    for row in _rows(sources):
        if row.form in FORMS[stage]:
            for key in (row.id, asked(row), *row.parents):
                owners.append(count)
                keys.append(int(key, 16))
            count += 1
            continue
        other[row.form] = other.get(row.form, 0) + 1
        reason = f"a {row.form} row, which stage {stage} does not train on"
        lines.add("dropped", row.id, reason, file=row.file, place=row.place)
    if not count:
        counts = ", ".join(f"{count} {form} rows" for form, count in sorted(other.items()))
        raise FtcError(
            f"stage {stage} trains on {FORMS[stage][0]} rows, and there are only {counts}",
            hint="[prepare.annotate] makes chats of chunks; stage = 'pretrain' trains on the "
            "chunks themselves",
        )
    groups = names(np.array(owners), np.array(keys), count)
    held = held_out(groups, share, seed)
    chosen = (row for row in _rows(sources) if row.form in FORMS[stage])
    _write(root, chosen, held.tolist())
    write_table(ledger, lines.table())
    return Split(count - int(held.sum()), int(held.sum()), other)


def _rows(sources: Sequence[Path]) -> Iterator[Row]:
    for path in sources:
        yield from each(read_table(path))


def _write(root: Path, rows: Iterator[Row], held: list[bool]) -> None:
    """Both files are there, or neither is the new one: train.jsonl is put in place last."""

    def both(train: Path) -> None:
        beside = train.with_name(train.name + ".eval")
        with (
            train.open("w", encoding="utf-8", newline="\n") as kept,
            beside.open("w", encoding="utf-8", newline="\n") as kept_out,
        ):
            for row, out in zip(rows, held, strict=True):
                line = json.dumps(record(row), ensure_ascii=False)
                (kept_out if out else kept).write(line + "\n")
        if any(held):
            beside.replace(root / "eval.jsonl")
        else:
            beside.unlink()
            (root / "eval.jsonl").unlink(missing_ok=True)

    whole(root / "train.jsonl", both)
