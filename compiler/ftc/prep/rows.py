"""The table that goes from step to step: one Arrow schema for raw chunks and for finished rows.

A chunk has one turn of role `chunk`. A chat has system, user, assistant and tool turns; preference
rows have the turns of the prompt, then one of role `chosen` and one of role `rejected`; kto rows
one of role `completion`; pre-training rows one of role `text`. Rows of segments have turns of
roles `trained` and `masked`, which follow each other without a break in the text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

Form = Literal["chunk", "chat", "segments", "text", "preference", "kto"]
TRAINED, MASKED = "trained", "masked"  # roles of the turns of a row of segments
Medium = Literal["prose", "web", "mail", "transcript", "table"]
TURN = pa.struct([("role", pa.string()), ("content", pa.string())])
SCHEMA = pa.schema(
    [
        ("id", pa.string()),  # 16 hex digits; a row keeps it through every step
        ("parents", pa.list_(pa.string())),  # ids of the rows that it was made from
        ("file", pa.string()),  # source, relative to the recipe's folder
        ("place", pa.string()),  # "line 12", "page 3", "00:01:20", "message <id>"
        ("form", pa.string()),
        ("medium", pa.string()),
        ("title", pa.string()),  # heading, subject or title; "" when there is none
        ("turns", pa.list_(TURN)),
        ("extra", pa.string()),  # JSON object: tools, tool_calls, label, and the source's own data
        ("notes", pa.string()),  # JSON object: what steps found out: language, scores, labels
        ("flags", pa.list_(pa.string())),  # faults that were found, by name
    ]
)


class Row(NamedTuple):
    """One row in Python, for steps and tests that look at few rows."""

    id: str
    file: str
    place: str
    turns: tuple[tuple[str, str], ...]  # (role, content)
    form: Form = "chunk"
    medium: Medium = "prose"
    title: str = ""
    parents: tuple[str, ...] = ()
    extra: dict[str, Any] = {}  # noqa: RUF012 - never written to
    notes: dict[str, Any] = {}  # noqa: RUF012 - never written to
    flags: tuple[str, ...] = ()


def segment(text: str, trained: bool) -> tuple[str, str]:
    """The turn of a row of segments."""
    return TRAINED if trained else MASKED, text


def table(rows: Iterable[Row]) -> pa.Table:
    """Rows as a table of `SCHEMA`."""
    found = list(rows)
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    for row in found:
        for name, value in zip(row._fields, row, strict=True):
            columns[name].append(value)
    columns["turns"] = [
        [{"role": role, "content": content} for role, content in turns]
        for turns in columns["turns"]
    ]
    for name in ("extra", "notes"):
        columns[name] = [dumped(value) for value in columns[name]]
    return pa.table(columns, schema=SCHEMA)


def each(rows: pa.Table) -> Iterator[Row]:
    """The rows of a table of `SCHEMA`, one by one."""
    for row in rows.to_pylist():
        yield Row(
            id=row["id"],
            file=row["file"],
            place=row["place"],
            turns=tuple((turn["role"], turn["content"]) for turn in row["turns"]),
            form=row["form"],
            medium=row["medium"],
            title=row["title"],
            parents=tuple(row["parents"]),
            extra=json.loads(row["extra"]),
            notes=json.loads(row["notes"]),
            flags=tuple(row["flags"]),
        )


def dumped(value: dict[str, Any]) -> str:
    """A JSON object as `extra` and `notes` hold it: one spelling for one value."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def identity(*parts: str) -> str:
    """16 hex digits of a hash of texts; lone surrogates are hashed too."""
    return sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def contents(rows: pa.Table) -> pa.Array:
    """The contents of all turns of all rows, in order, as one string array."""
    return pc.struct_field(pc.list_flatten(rows["turns"].combine_chunks()), "content")


def owners(rows: pa.Table) -> pa.Array:
    """For each content of `contents`, the index of the row that it belongs to."""
    return pc.list_parent_indices(rows["turns"].combine_chunks())


def with_contents(rows: pa.Table, values: Iterable[str] | pa.Array) -> pa.Table:
    """The same rows with other contents, in the order of `contents`."""
    turns = rows["turns"].combine_chunks()
    flat = pc.list_flatten(turns)
    array = values if isinstance(values, pa.Array) else pa.array(values, pa.string())
    struct = pa.StructArray.from_arrays(
        [pc.struct_field(flat, "role"), array], fields=[TURN.field(0), TURN.field(1)]
    )
    offsets = pc.cumulative_sum(pc.list_value_length(turns), start=0)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), offsets.cast(pa.int32())])
    lists = pa.ListArray.from_arrays(offsets, struct)
    return with_column(rows, "turns", lists)


def with_column(rows: pa.Table, name: str, values: Iterable[Any] | pa.Array) -> pa.Table:
    """The same rows with one column replaced."""
    index = SCHEMA.get_field_index(name)
    array = values if isinstance(values, pa.Array) else pa.array(list(values), SCHEMA.types[index])
    return rows.set_column(index, SCHEMA.field(index), array)


def texts(rows: pa.Table) -> list[str]:
    """All that each row says, its turns joined by a line break: what is compared between rows."""
    lists = pc.list_value_length(rows["turns"])
    if rows.num_rows and pc.max(lists).as_py() == 1 and pc.min(lists).as_py() == 1:
        return contents(rows).to_pylist()  # type: ignore[no-any-return]
    joined: list[list[str]] = [[] for _ in range(rows.num_rows)]
    for owner, text in zip(owners(rows).to_pylist(), contents(rows).to_pylist(), strict=True):
        joined[owner].append(text)
    return ["\n".join(parts) for parts in joined]


def noted(rows: pa.Table, found: Callable[[int], dict[str, Any]]) -> pa.Table:
    """The same rows with what `found` says of row i added to `notes`."""
    notes = rows["notes"].to_pylist()
    added = [dumped(json.loads(old) | found(i)) for i, old in enumerate(notes)]
    return with_column(rows, "notes", added)
