"""The sheet that a person fills: one line for each chunk, with places for what to learn from it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import pyarrow as pa
import pyarrow.compute as pc

from ftc.data.read import read
from ftc.errors import FtcError
from ftc.prep.rows import Row, dumped, each

COLUMNS = ("id", "file", "place", "title", "text", "instruction", "input", "output")
NEEDED = ("id", "output")
ANNOTATIONS = "annotations.jsonl"  # the sheet that ftc augment fills
MADE = "augment"  # a column of that sheet alone: how the line was made


class Filled(NamedTuple):
    """A line with an answer; `text` is that of the chunk when the sheet was written.

    `augment` is JSON of how a model wrote it, "" where a person did.
    """

    id: str
    user: str
    answer: str
    text: str
    line: int
    augment: str = ""


class Refused(NamedTuple):
    """A line that cannot be used, and why."""

    line: int
    id: str
    reason: str
    detail: str = ""


def chunks(tables: Iterable[pa.Table]) -> Iterator[Row]:
    """The rows of all tables that are still raw chunks."""
    for table in tables:
        yield from each(table.filter(pc.equal(table["form"], "chunk")))


def sheet(tables: Iterable[pa.Table], out: Path) -> int:
    """Write the chunks for a person to annotate, as JSONL or, by the suffix, CSV; how many.

    FtcError when the file is there already: somebody may have worked on it.
    """
    lines = (
        dict.fromkeys(COLUMNS, "")
        | {"id": row.id, "file": row.file, "place": row.place, "title": row.title}
        | {"text": row.turns[0][1]}
        for row in chunks(tables)
    )
    return write(lines, COLUMNS, out)


def write(lines: Iterable[dict[str, Any]], columns: tuple[str, ...], out: Path) -> int:
    """Write lines to a new JSONL or CSV file; how many."""
    if out.suffix not in (".jsonl", ".csv"):
        raise FtcError(f"{out}: a sheet is .jsonl or .csv", hint=f"try {out.with_suffix('.jsonl')}")
    encoding = "utf-8-sig" if out.suffix == ".csv" else "utf-8"  # Excel needs the mark
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("x", encoding=encoding, newline="") as stream:
            if out.suffix == ".csv":
                return _table(stream, lines, columns)
            return sum(
                1 for line in lines if stream.write(json.dumps(line, ensure_ascii=False) + "\n")
            )
    except FileExistsError as error:
        raise FtcError(
            f"{out}: is there already", hint="it may hold work of yours: give another name"
        ) from error
    except OSError as error:
        raise FtcError(f"{out}: cannot be written: {error.strerror or error}") from error


def _table(stream: TextIO, lines: Iterable[dict[str, Any]], columns: tuple[str, ...]) -> int:
    table = csv.DictWriter(stream, columns)
    table.writeheader()
    return sum(1 for line in lines if table.writerow(line))


def filled(path: Path) -> tuple[list[Filled], list[Refused]]:
    """What a person wrote, and the lines that are half filled; lines left empty are neither.

    An id may have several lines. FtcError when the file is missing or is no sheet.
    """
    if path.name == ANNOTATIONS and not path.stat().st_size:
        return [], []  # a model had nothing to say
    table = read(path)
    missing = [name for name in NEEDED if name not in table.columns()]
    if missing:
        raise FtcError(
            f"{path}: has no column {missing[0]!r}; it has {', '.join(table.columns())}",
            hint="ftc data annotate RECIPE --out FILE writes a sheet to fill",
        )
    taken: list[Filled] = []
    refused = [Refused(bad.line, "", "unreadable line", bad.reason) for bad in table.rejected]
    for line, row in table.rows:
        cells = {name: text(row.get(name)) for name in COLUMNS}
        found = checked(line, cells)
        if isinstance(found, Filled):
            made = row.get(MADE)
            taken.append(found._replace(augment=dumped(made)) if isinstance(made, dict) else found)
        elif found is not None:
            refused.append(found)
    return taken, refused


def checked(line: int, cells: dict[str, str]) -> Filled | Refused | None:
    """One answer with its id; None where nobody wrote anything."""
    user = "\n".join(cells[name] for name in ("instruction", "input") if cells[name].strip())
    answer = cells["output"].strip()
    if not user and not answer:
        return None
    if not cells["id"]:
        return Refused(line, "", "no id", detail=user[:80])
    if not answer:
        return Refused(line, cells["id"], "half filled", "an instruction without an output")
    if not user:
        return Refused(line, cells["id"], "half filled", "an output without an instruction")
    return Filled(cells["id"], user.strip(), answer, cells["text"], line)


def text(value: Any) -> str:  # Any: whatever a JSON file holds
    """A cell as text; what is no text counts as it is written."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
