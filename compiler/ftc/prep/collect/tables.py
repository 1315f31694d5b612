"""Tables, row by row: CSV, JSON, JSON Lines, Parquet and data sets of the hub."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from ftc.data.delimited import DELIMITERS
from ftc.data.json_rows import LISTS
from ftc.prep.collect import encoding
from ftc.prep.collect.encoding import Line
from ftc.prep.collect.layout import choose, converter
from ftc.prep.collect.opened import HELD_BYTES, Opened
from ftc.prep.collect.piece import Bad, Found, Unreadable
from ftc.prep.collect.values import SCAN, Values
from ftc.preparation.collect import Collect

LOOKED_AT = 100  # rows that show the columns of a table
PARQUET_ROWS = 1024
_LINES = (".jsonl", ".ndjson")


class Record(NamedTuple):
    """A row of a table before it means anything."""

    place: str
    row: dict[str, Any]
    recoded: int = 0


def pieces(records: Iterator[Record | Bad], settings: Collect) -> Iterator[Found]:
    """Rows and chunks of a table; Unreadable when its columns say nothing to ftc."""
    records = _told(records)
    looked: list[Record | Bad] = []
    rows: list[dict[str, Any]] = []
    faults = False
    for item in records:
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
        convert = converter(choose(rows, settings), settings)
    except Unreadable:
        yield from _faults(looked)
        raise
    for item in chain(looked, records):
        if isinstance(item, Bad):
            yield item
        else:
            yield from convert(item.place, item.row, item.recoded)


def _faults(items: list[Record | Bad]) -> Iterator[Bad]:
    return (item for item in items if isinstance(item, Bad))


def _told(records: Iterator[Record | Bad]) -> Iterator[Record | Bad]:
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


def json_values(file: Opened) -> Iterator[Record | Bad]:
    """Rows of JSON Lines, of an array, or of an object that holds one list of rows."""
    if encoding.head(file).lstrip().startswith("["):
        yield from _array(Values(encoding.blocks(file)))
    elif is_lines(file):
        yield from _lines(file)
    else:
        yield from _document(Values(encoding.blocks(file)))


def is_lines(file: Opened) -> bool:
    """Whether a file is JSON Lines: its first line is a whole object and no wrapper of rows."""
    first, _, rest = encoding.head(file).lstrip().partition("\n")
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        return file.suffix in _LINES and first.strip() != "{"
    if not isinstance(value, dict):
        return False
    return bool(rest.strip()) or not _row_lists(value)


def _lines(file: Opened) -> Iterator[Record | Bad]:
    """The straight way for lines that hold one object, as nearly all do."""
    for line in encoding.lines(file):
        if isinstance(line, Bad):
            yield line
            continue
        number, text, recoded = line
        try:
            value, end = SCAN(text, 0)
        except (ValueError, StopIteration, RecursionError):
            value, end = None, -1
        if end == len(text) and value.__class__ is dict:
            yield Record(f"line {number}", value, recoded)
        elif text := text.strip():
            yield _line(line, text)


def _line(line: Line, text: str) -> Record | Bad:
    try:
        value, end = SCAN(text, 0)
    except StopIteration:
        fault = "no value"
    except RecursionError:
        fault = "nested too deeply"
    except ValueError as error:
        fault = str(error)
    else:
        if end != len(text):
            fault = f"more after the value (column {end + 1})"
        else:
            return _record(f"line {line.number}", value, line.recoded)
    return Bad(f"line {line.number}", "broken JSON", fault, text)


def _record(place: str, value: Any, recoded: int = 0) -> Record | Bad:
    if isinstance(value, dict):
        return Record(place, value, recoded)
    return Bad(place, "no object with columns", type(value).__name__, json.dumps(value)[:1000])


def _array(values: Values) -> Iterator[Record | Bad]:
    """Objects of an array; what stands behind a broken one cannot be read."""
    values.skip("[")
    number, recoded = 1, 0
    if values.peek() == "]":
        values.skip("]")
        return
    while True:
        try:
            value = values.value()
            yield _record(f"row {number}", value, int(values.recoded > recoded))
            recoded = values.recoded
            if values.peek() == "]":
                values.skip("]")
                return
            values.skip(",")
        except Unreadable as error:
            raise Unreadable(error.bad.reason, error.bad.detail, f"row {number}") from error
        number += 1


def _document(values: Values) -> Iterator[Record | Bad]:
    """One object: a row by itself, or the wrapper of one list of rows, which is not held."""
    values.skip("{")
    row: dict[str, Any] = {}
    found = ""
    while values.peek() != "}":
        key = values.value()
        values.skip(":")
        listed = values.peek() == "[" and key not in LISTS and not set(row) & set(LISTS)
        if listed and values.holds_objects():
            if found:
                raise Unreadable("more than one list of rows", f"{found}, {key}")
            found = str(key)
            yield from _array(values)
        else:
            row[key] = values.value()
        if values.peek() != "}":
            values.skip(",")
    values.skip("}")
    if not found:
        yield _record("row 1", row)
    elif set(row) & set(LISTS):
        yield Bad("row 1", "more than one list of rows", ", ".join([found, *row]))


def _row_lists(value: dict[str, Any]) -> bool:
    lists = [v for v in value.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
    return bool(lists) and not set(value) & set(LISTS)


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
