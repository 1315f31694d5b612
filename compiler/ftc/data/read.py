"""Reads a data file of any known kind into rows; what the columns mean is not decided here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ftc.data import delimited, json_rows, parquet
from ftc.data.source import SUFFIXES, Source, find
from ftc.data.table import Table
from ftc.diagnostics import nearest
from ftc.errors import FtcError


def read(path: Path, name: str = "") -> Table:
    """The rows of a file; `name` stands for it in messages. FtcError when it cannot be read.

    Content decides where it disagrees with the suffix: a JSON array in a `.jsonl`, JSON Lines in
    a `.json`, `.csv` or `.txt`, and Parquet under any name are read for what they are.
    """
    source = find(path, name or str(path))
    if source.head.startswith(b"PAR1"):
        return parquet.read(source)
    if source.suffix == ".parquet":
        raise FtcError(
            f"{source.name}: is named Parquet but does not start like one",
            hint="give it the suffix of what it holds: .jsonl, .json, .csv or .txt",
        )
    if json_rows.looks_like_json(source.head) and _holds_json(source):
        return json_rows.read(source)
    if source.suffix in (".csv", ".tsv"):
        return delimited.read(source)
    if source.suffix == ".txt":
        return _documents(source)
    if source.suffix in (".jsonl", ".ndjson"):
        return json_rows.read(source)
    raise _neither(source)


def _holds_json(source: Source) -> bool:
    """A text may start with a bracket by chance; only a JSON suffix makes it JSON at once."""
    if source.suffix in (".json", ".jsonl", ".ndjson"):
        return True
    first = source.head.decode("utf-8-sig", errors="ignore").lstrip().split("\n", 1)[0].strip()
    if first in ("[", "{", "[{"):
        return True
    try:
        return isinstance(json_rows.parse(first), (dict, list))
    except ValueError:
        return first.startswith('[{"') and len(source.head) > len(first)


def _documents(source: Source) -> Table:
    """Paragraphs separated by blank lines; the line of a document is that of its first line."""
    rows: list[tuple[int, dict[str, Any]]] = []
    block: list[str] = []
    start = 0
    for number, line in enumerate([*source.text().replace("\r\n", "\n").split("\n"), ""], 1):
        if line.strip():
            start = start if block else number
            block.append(line)
        elif block:
            rows.append((start, {"text": "\n".join(block)}))
            block = []
    return Table(source.name, "text", rows, [])


def _neither(source: Source) -> FtcError:
    start = source.head[:30].decode("utf-8", errors="replace").split("\n", 1)[0]
    if source.suffix == ".json":
        return FtcError(
            f"{source.name}:1:1: is not JSON: it starts with {start!r}",
            hint="a JSON file starts with [ or {; rename it to .csv or .txt if it is one of them",
        )
    guess = nearest(source.suffix, SUFFIXES) or ".jsonl"
    return FtcError(
        f"{source.name}: has no suffix that ftc knows, and does not start like JSON: {start!r}",
        hint=f"ftc reads {', '.join(SUFFIXES)}, and .gz of these; perhaps {guess}",
    )
