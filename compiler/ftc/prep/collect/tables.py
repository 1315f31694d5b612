"""Tables, row by row: what their columns say of them; CSV and Parquet."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ftc.data.delimited import DELIMITERS
from ftc.prep.collect import columnar, encoding
from ftc.prep.collect.layout import choose, converter
from ftc.prep.collect.lines import Lines
from ftc.prep.collect.opened import HELD_BYTES, Opened
from ftc.prep.collect.piece import Bad, Found, Record, Unreadable
from ftc.preparation.collect import Collect

LOOKED_AT = 100  # rows that show the columns of a table
PARQUET_ROWS = 1024


Rows = Record | Bad | Lines


def pieces(records: Iterator[Rows], settings: Collect) -> Iterator[Found]:
    """Rows and chunks of a table; Unreadable when its columns say nothing to ftc."""
    records = _told(records)
    others: Iterator[Rows] = iter(())
    looked: list[Record | Bad] = []
    rows: list[dict[str, Any]] = []
    faults = False
    for item, others in _one_by_one(records):  # noqa: B007 - the rest, below
        looked.append(item)
        if isinstance(item, Record):
            rows.append(item.row)
        if len(rows) == LOOKED_AT or (rows and len(looked) >= 10 * LOOKED_AT):
            break
        if len(looked) >= 10 * LOOKED_AT:
            yield from _faults(looked)
            looked, faults = [], True
    if not rows and (looked or faults):
        yield from _faults(looked)
        return
    if not rows:
        raise Unreadable("no rows in the table")
    try:
        layout = choose(rows, settings)
    except Unreadable:
        yield from _faults(looked)
        raise
    convert = converter(layout, settings)
    shape = columnar.shape(layout, rows)
    for whole in chain(looked, others, records):
        if isinstance(whole, Lines) and shape is not None:
            block = columnar.block(whole, shape)
            if block is not None:
                yield block
                continue
        for item, _ in _one_by_one((whole,)):
            if isinstance(item, Bad):
                yield item
            else:
                yield from convert(item.place, item.row, item.recoded)


def _one_by_one(records: Iterable[Rows]) -> Iterator[tuple[Record | Bad, Iterator[Rows]]]:
    """Each row or fault, and those of the same chunk that come after it."""
    for item in records:
        others = item.records() if isinstance(item, Lines) else iter((item,))
        for each in others:
            yield each, others


def _faults(items: list[Record | Bad]) -> Iterator[Bad]:
    return (item for item in items if isinstance(item, Bad))


def _told(records: Iterator[Rows]) -> Iterator[Rows]:
    """The same; where the rest cannot be read, what stands before is not lost."""
    try:
        yield from records
    except Unreadable as error:
        yield error.bad


def delimited(file: Opened) -> Iterator[Record | Bad]:
    """Rows of CSV or TSV; the delimiter is the candidate that the header holds most often."""
    bad: list[Bad] = []
    marks = {"recoded": 0}

    def texts() -> Iterator[str]:
        for line in encoding.lines(file):
            if isinstance(line, Bad):
                bad.append(line)
            else:
                marks["recoded"] += line.recoded
                yield line.text + "\n"

    source = texts()
    first = next((text for text in source if text.strip()), "")
    csv.field_size_limit(HELD_BYTES)
    delimiter = "\t" if file.suffix == ".tsv" else _delimiter(first)
    reader = csv.reader(chain([first], source), delimiter=delimiter)
    header: list[str] = []
    start = 1
    try:
        for fields in reader:
            recoded, marks["recoded"] = marks["recoded"], 0
            yield from bad
            bad.clear()
            if not header:
                header = _header(fields)
            elif len(fields) == len(header):
                row = dict(zip(header, fields, strict=True))
                yield Record(f"line {start}", row, recoded)
            elif fields:
                said = f"{len(fields)} fields, {len(header)} columns"
                yield Bad(f"line {start}", "fields do not fit the header", said, str(fields))
            start = reader.line_num + 1
    except csv.Error as error:
        raise Unreadable("broken CSV", str(error), f"line {start}") from error
    yield from bad


def _delimiter(header: str) -> str:
    bare = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=bare.count) if any(sign in bare for sign in DELIMITERS) else ","


def _header(fields: list[str]) -> list[str]:
    names = [name.strip() for name in fields]
    if "" in names:
        raise Unreadable("a column without a name", ", ".join(names), "line 1")
    if len(set(names)) < len(names):
        raise Unreadable("a column named twice", ", ".join(names), "line 1")
    return names


def parquet(file: Opened) -> Iterator[Record | Bad]:
    """Rows of a Parquet file, some at a time."""
    number = 0
    try:
        reader = pq.ParquetFile(file.seekable())
        for batch in reader.iter_batches(PARQUET_ROWS):
            for row in batch.to_pylist():
                number += 1
                yield Record(f"row {number}", row)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        place = f"row {number + 1}" if number else ""
        raise Unreadable("broken Parquet file", said, place) from error
