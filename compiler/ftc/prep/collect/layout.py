"""What the columns of a table mean: finished rows of a known format, raw text, or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from ftc.data.example import Example, Message
from ftc.data.formats import BY_NAME, FORMATS, ROLES, Format, segmented
from ftc.data.table import BadRow
from ftc.prep.collect.piece import Bad, Found, Piece, Unreadable
from ftc.prep.collect.prose import Block, cut
from ftc.prep.collect.quick import QUICK
from ftc.prep.rows import Form, segment
from ftc.preparation.collect import Collect

Row = dict[str, Any]
Converter = Callable[[str, Row, int], Iterable[Found]]  # place, row, recoded lines
PAIRS = (  # columns that hold a question and its answer in data sets of the hub
    ("prompt", "completion"),
    ("prompt", "response"),
    ("prompt", "output"),
    ("question", "answer"),
    ("question", "response"),
    ("query", "response"),
    ("query", "answer"),
    ("instruction", "response"),
    ("input", "output"),
)
TEXTS = ("text", "content", "body", "document", "transcript", "article", "markdown", "message")
TITLES = ("title", "subject", "headline")
_CHAT = {"messages", "conversations", "conversation", "system", "system_prompt", "tools"}
_PROMPT = {"prompt", "question", "instruction", "input"}
_USED = {  # the columns that each format reads; the rest is the source's own data
    "preference": _CHAT | _PROMPT | {"chosen", "rejected"},
    "kto": _CHAT | _PROMPT | {"completion", "label", "kto_tag"},
    "segments": _CHAT | {"segments"},
    "messages": _CHAT,
    "sharegpt": _CHAT,
    "alpaca": {"instruction", "input", "output", "system", "system_prompt", "history", "tools"},
    "text": {"text"},
}
FORMS: dict[str, Form] = {
    "preference": "preference",
    "kto": "kto",
    "segments": "segments",
    "messages": "chat",
    "sharegpt": "chat",
    "alpaca": "chat",
    "text": "text",
}
_OWN = ("tools", "tool_calls", "label")  # keys of `extra` that are not the source's
_LABELS = {"true", "false", "1", "0", "1.0", "0.0"}
_REASONS = (  # of ftc.data: those that are a fault of their own and not of a row's structure
    "empty answer",
    "empty text",
    "empty instruction",
    "empty user turn",
    "chosen and rejected are equal",
    "no prompt",
)


_NONE: Row = {}


class Layout(NamedTuple):
    """How rows become pieces. `names` renames columns first, from the first to the second."""

    format: Format | None
    text: str = ""
    names: tuple[tuple[str, str], ...] = ()


def choose(rows: Sequence[Row], settings: Collect) -> Layout:
    """The layout that the first rows show; Unreadable, with the columns, when they show none."""
    columns = list(dict.fromkeys(str(name) for row in rows for name in row))
    if settings.columns and set(settings.columns.values()) <= set(columns):
        names = tuple((column, ROLES.get(role, role)) for role, column in settings.columns.items())
        columns = [known for _, known in names]
    else:
        names = ()
    for form in FORMATS:
        if form.fits(columns) and _means(form.name, rows, names):
            if form.name == "text" and settings.documents == "chunk":
                break
            return Layout(form, "", names)
    if not names:
        known = {column.strip().lower(): column for column in columns}
        for prompt, answer in PAIRS:
            if prompt in known and answer in known:
                pair = ((known[prompt], "instruction"), (known[answer], "output"))
                return Layout(BY_NAME["alpaca"], "", pair)
        text = next((known[name] for name in TEXTS if name in known), "")
        text = text or (columns[0] if len(columns) == 1 else "")
        if text:
            return Layout(None, text)
    elif "text" in columns:
        return Layout(None, "text", names)
    raise Unreadable("no column that holds text or a training format", ", ".join(columns))


def converter(layout: Layout, settings: Collect) -> Converter:
    """The function that makes pieces of a row."""
    names = dict(layout.names)
    form = layout.format
    quick = None if names or form is None else QUICK.get(form.name)

    def convert(place: str, row: Row, recoded: int) -> Iterable[Found]:
        record = {names.get(name, name): value for name, value in row.items()} if names else row
        if form is None:
            return _chunks(place, record, layout.text, settings, recoded)
        if quick is not None and (turns := quick(record)) is not None:
            return (Piece(place, turns, "", "table", _NONE, FORMS[form.name], recoded),)
        try:
            return (_finished(place, form.convert(record), record, form.name, recoded),)
        except BadRow as error:
            return (_bad(place, row, form.name, str(error)),)
        except RecursionError:
            return (Bad(place, "nested too deeply"),)

    return convert


def _finished(place: str, example: Example, row: Row, form: str, recoded: int) -> Piece:
    used = _USED[form]
    extra: Row = {}
    if len(row) > len(used) or not row.keys() <= used:
        extra = {_own(name): value for name, value in row.items() if name not in used}
    if form == "text":
        return Piece(place, ("text", example.text), _title(row), "table", extra, "text", recoded)
    if example.segments:
        said = tuple(chain.from_iterable(segment(*part) for part in example.segments))
        return Piece(place, said, "", "table", extra, "segments", recoded)
    turns: list[str] = []
    calls: dict[str, Any] = {}
    for message in example.messages:
        if message.tool_calls:
            calls[str(len(turns) // 2)] = list(message.tool_calls)
        turns += (message.role, message.content)
    for role in ("chosen", "rejected", "completion"):
        answer: Message | None = getattr(example, role)
        if answer is not None:
            if answer.tool_calls:
                calls[str(len(turns) // 2)] = list(answer.tool_calls)
            turns += (role, answer.content)
    if example.tools:
        extra["tools"] = list(example.tools)
    if calls:
        extra["tool_calls"] = calls
    if example.label is not None:
        extra["label"] = example.label
    kind: Form = "chat" if form == "segments" else FORMS[form]
    return Piece(place, tuple(turns), "", "table", extra, kind, recoded)


def _chunks(place: str, row: Row, column: str, settings: Collect, recoded: int) -> Iterator[Found]:
    text = row.get(column)
    if not isinstance(text, str) or not text.strip():
        empty = text is None or isinstance(text, str)
        reason = "empty text" if empty else "a number or a list where text is expected"
        yield Bad(place, reason, f"column {column}", before=_shown(row))
        return
    title = _title(row)
    extra = {_own(name): value for name, value in row.items() if name != column}
    paragraphs = [Block(place, part) for part in text.split("\n\n") if part.strip()]
    for block in cut(paragraphs, settings):
        yield Piece(place, ("chunk", block.text), title, "table", extra, recoded=recoded)
        recoded = 0


def _own(name: Any) -> str:
    return f"column.{name}" if name in _OWN else str(name)


def _title(row: Row) -> str:
    found = next((row[name] for name in TITLES if isinstance(row.get(name), str)), "")
    return " ".join(found.split())


def _means(form: str, rows: Sequence[Row], names: Sequence[tuple[str, str]]) -> bool:
    """Whether columns with the names of a format hold what it wants."""
    if form == "segments":
        return bool(names) or segmented(rows)
    return form != "kto" or _labelled(rows, names)


def _labelled(rows: Sequence[Row], names: Sequence[tuple[str, str]]) -> bool:
    """Whether `label` says wanted or not; it is as often the name of a class."""
    columns: Mapping[str, str] = {known: column for column, known in names}
    column, other = columns.get("label", "label"), columns.get("kto_tag", "kto_tag")
    found = [row.get(column, row.get(other)) for row in rows]
    known = [str(value).strip().lower() in _LABELS for value in found if value is not None]
    return sum(known) * 2 > len(known)


def _bad(place: str, row: Row, form: str, said: str) -> Bad:
    reason = next((reason for reason in _REASONS if said.startswith(reason)), "")
    return Bad(place, reason or f"no usable row of format {form}", said, _shown(row))


def _shown(row: Row) -> str:
    try:
        return json.dumps(row, ensure_ascii=False, default=str)
    except (ValueError, TypeError, RecursionError):
        return ""
