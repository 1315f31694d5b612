"""What people wrote, brought to the chunks: sheets are read once, for all batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ftc.errors import FtcError
from ftc.prep import ledger
from ftc.prep.annotate import argilla, sheet
from ftc.prep.annotate.sheet import Filled, Refused
from ftc.prep.ledger import Ledger
from ftc.prep.step import Inputs

UNKNOWN = "no such chunk; the text may have changed"
DRAFTS, REFUSED = "drafts.parquet", "refused.parquet"


class Answer(NamedTuple):
    """What a person wrote about a chunk; `file` and `place` are those of the sheet.

    `augment` is JSON of how a model wrote it, "" where a person did.
    """

    id: str
    user: str
    answer: str
    text: str
    file: str
    place: str
    augment: str = ""


SCHEMA = pa.schema([(name, pa.string()) for name in Answer._fields])


class Source(NamedTuple):
    """A file that people filled, as the recipe names it, and its reader."""

    name: str
    path: Path
    read: Callable[[Path], tuple[list[Filled], list[Refused]]]
    unit: str


def sources(inputs: Inputs) -> Iterator[Source]:
    """The sheets of the recipe."""
    settings = inputs.settings
    for name in settings.sheets:
        yield Source(name, inputs.folder / name, sheet.filled, "line")
    if settings.argilla is not None and settings.uses("argilla"):
        path = inputs.folder / settings.argilla
        file = path / argilla.RECORDS if path.is_dir() else path
        yield Source(settings.argilla, file, argilla.filled, "record")


def files(inputs: Inputs) -> list[Path]:
    """The files that people filled; FtcError when one is not there."""
    found = list(sources(inputs))
    for source in found:
        if not source.path.is_file():
            raise FtcError(
                f"prepare.annotate: {source.name}: no such file", hint=_hint(source.path)
            )
    return [source.path for source in found]


def _hint(path: Path) -> str:
    if path.name == sheet.ANNOTATIONS:
        return "run first: ftc augment RECIPE, which fills it"
    return "ftc data annotate RECIPE --out FILE writes a sheet to fill"


def gather(rows: pa.Table, inputs: Inputs, out: Path) -> None:
    """Keep the ids of a batch's chunks, one a line; none where nobody filled a sheet."""
    wanted = rows.filter(pc.equal(rows["form"], "chunk"))["id"].to_pylist() if files(inputs) else []
    out.write_text("".join(f"{name}\n" for name in wanted), "ascii")


def decide(paths: Sequence[Path], inputs: Inputs, out: Path) -> dict[str, float]:
    """Write the answers whose chunk is there, and a ledger of the lines that cannot be used."""
    found = [(source, *source.read(source.path)) for source in sources(inputs)]
    missing = {line.id for _, taken, _ in found for line in taken}
    for path in paths if missing else ():
        missing.difference_update(path.read_text("ascii").split())
    kept: list[Answer] = []
    bad = Ledger()
    for source, taken, refused in found:
        unknown = [Refused(it.line, it.id, UNKNOWN) for it in taken if it.id in missing]
        for line in sorted([*refused, *unknown], key=lambda it: it.line):
            place = f"{source.unit} {line.line}"
            detail = line.detail or f"id {line.id}"
            bad.add("refused", "", line.reason, detail=detail, file=source.name, place=place)
        for it in taken:
            if it.id not in missing:
                place = f"{source.unit} {it.line}"
                told = (it.id, it.user, it.answer, it.text, source.name, place, it.augment)
                kept.append(Answer(*told))
    columns = [pa.array([it[i] for it in kept], pa.string()) for i in range(len(SCHEMA))]
    pq.write_table(pa.table(columns, schema=SCHEMA), out / DRAFTS)
    pq.write_table(bad.table(), out / REFUSED)
    return {}


def answers(ids: pa.ChunkedArray, decision: Path | None) -> dict[str, list[Answer]]:
    """What people wrote for these chunks, by id, in the order of the sheets."""
    if decision is None or not (decision / DRAFTS).exists():
        return {}
    table = pq.read_table(decision / DRAFTS)
    found: dict[str, list[Answer]] = {}
    for line in table.filter(pc.is_in(table["id"], ids.combine_chunks())).to_pylist():
        answer = Answer(**line)
        found.setdefault(answer.id, []).append(answer)
    return found


def refused(decision: Path | None) -> pa.Table:
    """The ledger of lines that cannot be used."""
    if decision is None or not (decision / REFUSED).exists():
        return ledger.SCHEMA.empty_table()
    return pq.read_table(decision / REFUSED, schema=ledger.SCHEMA)
