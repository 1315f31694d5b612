"""Rows of CSV and TSV files: first line names the columns, the delimiter is found there."""

from __future__ import annotations

import csv
import io
from typing import Any

from ftc.data.example import Rejected
from ftc.data.source import Source
from ftc.data.table import Table
from ftc.diagnostics import nearest
from ftc.errors import FtcError

DELIMITERS = ",;\t|"
FIELD_BYTES = 2**31 - 1  # the csv module stops at 128 KiB a field, less than a long document


def read(source: Source) -> Table:
    """Every field is text; a row of another length than the header is rejected."""
    text = source.text()
    delimiter = "\t" if source.suffix == ".tsv" else _delimiter(text)
    before = csv.field_size_limit(FIELD_BYTES)
    try:
        return _rows(source, text, delimiter)
    except csv.Error as error:
        raise FtcError(f"{source.name}: is not CSV: {error}", hint="see docs/data.md") from error
    finally:
        csv.field_size_limit(before)


def _delimiter(text: str) -> str:
    """The candidate that the header holds most often, outside of quotes; a comma when none."""
    header = text.split("\n", 1)[0]
    bare = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=bare.count) if any(c in bare for c in DELIMITERS) else ","


def _rows(source: Source, text: str, delimiter: str) -> Table:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = [name.strip() for name in next((fields for fields in reader if fields), [])]
    _check_header(source.name, header)
    rows: list[tuple[int, dict[str, Any]]] = []
    rejected: list[Rejected] = []
    start = reader.line_num + 1
    for fields in reader:
        if len(fields) == len(header):
            rows.append((start, dict(zip(header, fields, strict=True))))
        elif fields:
            reason = f"{len(fields)} fields, but the header names {len(header)} columns"
            rejected.append(Rejected(source.name, start, reason))
        start = reader.line_num + 1
    if not rows:
        first = f": line {rejected[0].line}: {rejected[0].reason}" if rejected else ""
        raise FtcError(
            f"{source.name}: has a header but no usable rows{first}",
            hint="the first line names the columns; fields that hold the delimiter are quoted",
        )
    return Table(source.name, "tsv" if delimiter == "\t" else "csv", rows, rejected)


def _check_header(name: str, header: list[str]) -> None:
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice or "" in header or not header:
        fault = f"names {twice[0]!r} twice" if twice else "has a column without a name"
        if all(len(column) < 40 for column in header) and nearest("instruction", header):
            fault += f": {', '.join(header)}"
        raise FtcError(
            f"{name}:1: the header {fault}", hint="the first line of a CSV file names the columns"
        )
