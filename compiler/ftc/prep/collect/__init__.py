"""Collect: files of any kind become rows, and what cannot be read is told."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.data import hub
from ftc.errors import FtcError
from ftc.prep.collect import (
    documents,
    encoding,
    mail,
    markdown,
    pdf,
    plain,
    subtitles,
    tables,
    transcript,
    web,
    word,
)
from ftc.prep.collect.gather import outcomes
from ftc.prep.collect.opened import Opened, unpacked
from ftc.prep.collect.piece import Bad, Count, Record, Unreadable
from ftc.prep.collect.piece import Found as Item
from ftc.prep.collect.sources import KINDS, Found, data_set, found
from ftc.prep.step import Inputs, Outcome
from ftc.preparation.collect import Collect

__all__ = ["CODE", "KINDS", "LIBRARIES", "Found", "found", "read"]

CODE = ("ftc.prep.collect", "ftc.prep.hashing", "ftc.data")
LIBRARIES = ("numpy", "pyarrow", "pypdf", "python-docx", "trafilatura", "webvtt-py")
_MAGIC = {b"%PDF-": "pdf", b"PAR1": "parquet"}


def read(source: Found, inputs: Inputs) -> Iterator[Outcome]:
    """The rows of one source, in batches, and one line for each place that cannot be read."""
    return outcomes(_items(source, inputs.settings), source.name)


def _items(source: Found, settings: Collect) -> Iterator[Item]:
    yield Count("collect.files")
    if source.kind:
        yield Count(f"collect.kind.{source.kind}")
    try:
        if source.kind == "hub":
            yield from tables.pieces(_hub(source.name), settings)
        elif not source.kind and not source.path.is_dir():
            reason = "unknown kind of file" if source.path.exists() else "cannot be read"
            yield Bad("", reason, "".join(source.path.suffixes))
        else:
            with unpacked(source.path, source.name) as file:
                yield from _read(file, source.kind, settings)
    except Unreadable as error:
        yield error.bad


def _read(file: Opened, kind: str, settings: Collect) -> Iterator[Item]:
    kind = next((known for magic, known in _MAGIC.items() if file.head.startswith(magic)), kind)
    if kind == "text" and _holds_json(file):
        kind = "json"
    if kind in ("text", "markdown"):
        yield from _text(file, kind, settings)
    elif kind == "html":
        yield from web.read(file, settings)
    elif kind == "pdf":
        yield from pdf.read(file, settings)
    elif kind == "docx":
        yield from word.read(file, settings)
    elif kind == "mail":
        yield from mail.read_one(file, settings)
    elif kind == "mbox":
        yield from mail.read_box(file, settings)
    elif kind == "subtitles":
        yield from subtitles.read(file, settings)
    elif kind == "csv":
        yield from tables.pieces(tables.delimited(file), settings)
    elif kind == "parquet":
        yield from tables.pieces(tables.parquet(file), settings)
    else:
        yield from tables.pieces(documents.read(file), settings)


def _text(file: Opened, kind: str, settings: Collect) -> Iterator[Item]:
    form = transcript.shape(encoding.head(file).split("\n")) if kind == "text" else None
    lines = encoding.lines(file)
    if form is not None:
        yield from transcript.read(lines, form, settings)
    elif kind == "markdown":
        yield from markdown.read(lines, settings)
    else:
        yield from plain.read(lines, settings)


def _holds_json(file: Opened) -> bool:
    """A text whose first line is a whole JSON object is JSON Lines under another name."""
    return encoding.head(file).lstrip().startswith("{") and documents.is_lines(file)


def _hub(name: str) -> Iterator[Record]:
    try:
        table = hub.read(data_set(name))
    except FtcError as error:
        raise Unreadable("data set cannot be read", f"{error} ({error.hint})") from error
    for number, row in table.rows:
        yield Record(f"row {number}", row)
