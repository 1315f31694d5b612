"""Rows of JSON: JSON Lines, arrays, and objects that hold one list of rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ftc.data.json_rows import LISTS, SEGMENTS, segmented
from ftc.prep.collect import encoding
from ftc.prep.collect.lines import Lines, chunks, record, slowly
from ftc.prep.collect.opened import Opened
from ftc.prep.collect.piece import Bad, Record, Unreadable
from ftc.prep.collect.values import Values

_LINES = (".jsonl", ".ndjson")


def read(file: Opened) -> Iterator[Record | Bad | Lines]:
    """Rows of JSON Lines, of an array, or of an object that holds one list of rows.

    JSON Lines come in chunks, which may be read as rows or as columns.
    """
    if encoding.head(file).lstrip().startswith("["):
        yield from _array(Values(encoding.blocks(file)))
    elif not is_lines(file):
        yield from _document(Values(encoding.blocks(file)))
    elif encoding.wide_encoding(file.head):
        yield from slowly(encoding.lines(file))
    else:
        yield from chunks(file)


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
            yield record(f"row {number}", value, int(values.recoded > recoded))
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
        if not listed or not values.holds_objects():
            row[key] = values.value()
        elif key == SEGMENTS and segmented(key, held := values.value()):
            row[key] = held
        else:
            if found:
                raise Unreadable("more than one list of rows", f"{found}, {key}")
            found = str(key)
            if key == SEGMENTS:
                yield from (record(f"row {number}", item) for number, item in enumerate(held, 1))
            else:
                yield from _array(values)
        if values.peek() != "}":
            values.skip(",")
    values.skip("}")
    if not found:
        yield record("row 1", row)
    elif set(row) & set(LISTS):
        yield Bad("row 1", "more than one list of rows", ", ".join([found, *row]))


def _row_lists(value: dict[str, Any]) -> bool:
    lists = [
        key
        for key, inner in value.items()
        if isinstance(inner, list) and inner and isinstance(inner[0], dict)
        if not segmented(key, inner)
    ]
    return bool(lists) and not set(value) & set(LISTS)
