"""Rows of JSON and JSON Lines files, told apart by their content and not by their name."""

from __future__ import annotations

import json
from typing import Any

from ftc.data.example import Rejected
from ftc.data.source import Source, not_utf8
from ftc.data.table import Table
from ftc.errors import FtcError

SEGMENTS = "segments"
GIVE_UP = 1000  # lines that are all bad from the start: the file is no JSON Lines at all
LISTS = ("messages", "conversations", "conversation", "chosen", "rejected", "prompt", "history")


def _missing(_: str) -> None:
    """NaN and Infinity, which pandas writes for a missing value, are read as null."""


_DECODER = json.JSONDecoder(parse_constant=_missing)


def parse(text: str) -> Any:
    """A JSON value; ValueError with one line of reason. Too deep nesting is one of them."""
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def looks_like_json(head: bytes) -> bool:
    """Whether text starts as an array or as an object of JSON."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"[", b"{")


def read(source: Source) -> Table:
    """JSON array, object with one list of rows, or JSON Lines; FtcError when it is none."""
    return _lines(source) if _is_lines(source) else _document(source)


def _is_lines(source: Source) -> bool:
    """A file is JSON Lines when one of its first two lines is an object by itself."""
    head = source.head.decode("utf-8-sig", errors="ignore").lstrip()
    lines = [line for line in head.split("\n") if line.strip()]
    if head.startswith("["):
        return False
    whole = [_object(line) for line in lines[:2]]
    if len(lines) == 1 and whole[0] is not None:
        return not _row_lists(whole[0])
    if any(value is not None for value in whole):
        return True
    return source.suffix in (".jsonl", ".ndjson") and head[:2].strip() != "{"


def _object(line: str) -> dict[str, Any] | None:
    try:
        value = parse(line.strip())
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _lines(source: Source) -> Table:
    rows: list[tuple[int, dict[str, Any]]] = []
    rejected: list[Rejected] = []
    offset = 0
    with source.open() as stream:
        for number, raw in enumerate(stream, 1):
            try:
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise not_utf8(source.name, offset + error.start) from error
            offset += len(raw)
            if not text.strip():
                continue
            try:
                value = parse(text.strip())
            except ValueError as error:
                rejected.append(Rejected(source.name, number, f"not JSON: {_reason(error)}"))
            else:
                _take(value, number, source.name, rows, rejected)
            if not rows and len(rejected) >= GIVE_UP:
                break
    if not rows:
        _refuse(source, rejected)
    return Table(source.name, "jsonl", rows, rejected)


def _document(source: Source) -> Table:
    text = source.text()
    try:
        value = parse(text)
    except json.JSONDecodeError as error:
        raise FtcError(
            f"{source.name}:{error.lineno}:{error.colno}: is not JSON: {error.msg}",
            hint="mend that place; a file with one object a line is read as JSON Lines",
        ) from error
    except ValueError as error:
        raise FtcError(f"{source.name}: is not usable JSON: {error}") from error
    rows: list[tuple[int, dict[str, Any]]] = []
    rejected: list[Rejected] = []
    for number, item in enumerate(_list(value, source.name), 1):
        _take(item, number, source.name, rows, rejected)
    if not rows:
        _refuse(source, rejected)
    return Table(source.name, "json", rows, rejected)


def _take(
    value: Any,
    line: int,
    file: str,
    rows: list[tuple[int, dict[str, Any]]],
    rejected: list[Rejected],
) -> None:
    if isinstance(value, dict):
        rows.append((line, value))
    else:
        kind = {list: "a list", str: "a text", type(None): "null"}.get(type(value), "a number")
        rejected.append(Rejected(file, line, f"{kind}, not an object with columns"))


def _list(value: Any, name: str) -> list[Any]:
    if isinstance(value, list):
        if not value:
            raise FtcError(f"{name}: is an empty list", hint="give a file with at least one row")
        return value
    if isinstance(value, dict):
        lists = _row_lists(value)
        if len(lists) > 1:
            raise FtcError(
                f"{name}: holds several lists of rows: {', '.join(lists)}",
                hint="write each to a file of its own; eval_path takes the held-out one",
            )
        return list(value[lists[0]]) if lists else [value]
    raise FtcError(f"{name}: holds one {type(value).__name__}, not rows", hint="see docs/data.md")


def _row_lists(value: dict[str, Any]) -> list[str]:
    """The keys of an object such as {"data": [...]}; none when the object is a row itself."""
    lists = [key for key, inner in value.items() if _is_rows(inner) and not segmented(key, inner)]
    return [] if set(value) & set(LISTS) else lists


def segmented(name: str, value: Any) -> bool:
    """Whether a column holds the segments of one row; transcripts have a list of that name, too."""
    return name == SEGMENTS and _is_rows(value) and value[0].keys() == {"label", "text"}


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} (column {error.colno})"
    return str(error)


def _refuse(source: Source, rejected: list[Rejected]) -> None:
    if not rejected:
        raise FtcError(f"{source.name}: holds no rows", hint="give a file with at least one row")
    reasons = "; ".join(f"line {bad.line}: {bad.reason}" for bad in rejected[:3])
    raise FtcError(
        f"{source.name}: none of its first {len(rejected)} rows is a JSON object: {reasons}",
        hint="a JSON Lines file holds one object a line, such as "
        '{"instruction": "...", "output": "..."}',
    )
