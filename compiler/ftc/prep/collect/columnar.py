"""Chunks of JSON Lines whose rows are all plain become turns a column at a time.

What a chunk holds is the same as row by row: a chunk in which any row is not quite so plain, or in
which lines and rows are not one to one, is left to the readers that look at each row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json

from ftc.data.turns import ROLES
from ftc.prep.arrays import Numbers
from ftc.prep.collect import opened
from ftc.prep.collect.layout import FORMS, Layout, Row
from ftc.prep.collect.lines import Lines
from ftc.prep.collect.piece import Block
from ftc.prep.rows import TURN, Form

_PLAIN = (["text"], ["instruction", "output"], ["input", "instruction", "output"])
_CHATS = ("messages", "conversations", "conversation")
_SPELLINGS = (("role", "content"), ("from", "value"))
_ROLES = ("system", "user", "assistant")
_SYSTEM, _USER, _ASSISTANT = range(3)
_NAMES = [name for name, role in ROLES.items() if role in _ROLES and name != "function_call"]
_CODES = np.array([_ROLES.index(ROLES[name]) for name in _NAMES])
_MOST = 100_000  # rows that pyarrow reads from one block at most
_SMALL = 2**20  # bytes that do not hold more of them
Truths = npt.NDArray[np.bool_]
_OPEN, _CLOSED, _CR = b"{}\r"
_PERHAPS_SPACE = np.ones(256, bool)  # by first byte of a text: whether it may be white space
_PERHAPS_SPACE[33:127] = False
_PERHAPS_SPACE[0xE4:] = False


class Shape(NamedTuple):
    """The columns that all rows have; `known` are their names in the format."""

    form: Form
    known: tuple[str, ...]
    schema: pa.Schema


def shape(layout: Layout, rows: Sequence[Row]) -> Shape | None:
    """The shape of the first rows; None when their columns are more than a format's plain ones."""
    if layout.format is None:
        return None
    names = dict(layout.names)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    known = tuple(names.get(column, column) for column in columns)
    form, wanted = layout.format.name, sorted(known)
    kind: pa.DataType | None = None
    if form in ("text", "alpaca") and wanted in _PLAIN:
        kind = pa.string()
    elif form in ("messages", "sharegpt") and len(known) == 1 and known[0] in _CHATS:
        kind = _turns(rows[0][columns[0]])
    return kind and Shape(FORMS[form], known, pa.schema([(column, kind) for column in columns]))


def block(lines: Lines, plain: Shape) -> Block | None:
    """The rows of a chunk; None unless all of them are plain."""
    if not _one_each(lines):
        return None
    size = len(lines.signs) + 1 if len(lines.ends) < _MOST else _SMALL
    try:
        table = json.read_json(
            pa.BufferReader(pa.py_buffer(lines.signs)),
            read_options=json.ReadOptions(use_threads=False, block_size=size),
            parse_options=json.ParseOptions(
                explicit_schema=plain.schema, unexpected_field_behavior="error"
            ),
        )
        table.validate(full=True)  # that it is UTF-8
    except pa.ArrowInvalid:
        return None
    if table.num_rows != len(lines.ends):
        return None
    columns = {
        known: column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        for known, column in zip(plain.known, table.columns, strict=True)
    }
    if any(column.null_count for column in columns.values()):
        return None
    turns = _made(columns)
    return None if turns is None else Block(lines.first, turns, plain.form)


def _one_each(lines: Lines) -> bool:
    """Whether every line begins and ends as an object does.

    Between the brackets of two lines there is no comma, so the line's end is not inside an object:
    when there are as many objects as lines, each line is one.
    """
    signs, ends = lines.signs, lines.ends
    if np.diff(ends, prepend=-1).max() > opened.HELD_BYTES:
        return False
    if signs[0] != _OPEN or not (signs[ends[:-1] + 1] == _OPEN).all():
        return False
    last = signs[ends - 1]
    last = np.where(last == _CR, signs[ends - 2], last)
    return bool((last == _CLOSED).all())


def _turns(value: Any) -> pa.DataType | None:
    """The type of a list of turns like this one."""
    first = value[0] if isinstance(value, list) and value else None
    names = set(first) if isinstance(first, dict) else set()
    spelling = next((pair for pair in _SPELLINGS if names == set(pair)), None)
    return spelling and pa.list_(pa.struct([(name, pa.string()) for name in spelling]))


def _made(columns: dict[str, pa.Array]) -> pa.ListArray | None:
    if "text" in columns:
        return _single("text", columns["text"])
    if "output" in columns:
        return _pairs(columns["instruction"], columns.get("input"), columns["output"])
    return _chats(*columns.values())


def _single(role: str, texts: pa.Array) -> pa.ListArray | None:
    if _blank(texts).any():
        return None
    return _listed(np.arange(len(texts) + 1), pa.repeat(role, len(texts)), texts)


def _pairs(asked: pa.Array, more: pa.Array | None, answers: pa.Array) -> pa.ListArray | None:
    if _blank(asked).any() or _blank(answers).any():
        return None
    if more is not None:
        both = pc.binary_join_element_wise(asked, more, "\n")
        asked = pc.if_else(pa.array(_blank(more)), asked, both)
    count = len(asked)
    order = np.arange(2 * count).reshape(2, count).T.reshape(-1)
    contents = pa.concat_arrays([asked, answers]).take(pa.array(order))
    roles = pa.array(["user", "assistant"]).take(pa.array(np.arange(2 * count) % 2))
    return _listed(np.arange(0, 2 * count + 1, 2), roles, contents)


def _chats(lists: pa.ListArray) -> pa.ListArray | None:
    """Chats of user and assistant in turn after at most one system turn."""
    names, contents = lists.values.field(0), lists.values.field(1)
    offsets = lists.offsets.to_numpy()
    counts = np.diff(offsets)
    found = pc.index_in(names, pa.array(_NAMES))
    if lists.values.null_count or contents.null_count or found.null_count or not counts.all():
        return None
    codes = _CODES[found.to_numpy()]
    starts = offsets[:-1]
    opened = codes[starts] == _SYSTEM
    places = np.arange(len(codes)) - np.repeat(starts + opened, counts)
    expected = np.where(places < 0, _SYSTEM, _USER + places % 2)
    if (codes != expected).any() or (codes[offsets[1:] - 1] != _ASSISTANT).any():
        return None
    if _blank(contents).any():
        return None
    return _listed(offsets, pa.array(_ROLES).take(pa.array(codes)), contents)


def _listed(offsets: Numbers, roles: pa.Array, contents: pa.Array) -> pa.ListArray:
    turns = pa.StructArray.from_arrays([roles, contents], fields=list(TURN))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), turns)


def _blank(texts: pa.Array) -> Truths:
    """Which texts are nothing but white space, as Python understands it."""
    _, offsets, data = texts.buffers()
    edges = np.frombuffer(offsets, np.int32, len(texts) + 1, 4 * texts.offset)
    found: Truths = edges[:-1] == edges[1:]
    if data is None or not data.size:
        return found
    signs = np.frombuffer(data, np.uint8)
    perhaps = ~found & _PERHAPS_SPACE[signs[np.minimum(edges[:-1], len(signs) - 1)]]
    if perhaps.any():
        mask = pa.array(perhaps)
        found[perhaps] = [text.isspace() for text in texts.filter(mask).to_pylist()]
    return found
