"""Names of the rows' concepts: taking the parts of data sets apart and putting them together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ftc.backends import fields
from ftc.convert.meaning import Native, Note, Reading, Writing, leaves, top

Rows = dict[str, Any]  # the parts of one data set: "path", "columns.messages", ...
Lost = Mapping[str, Note]  # by concept, "[]" for any number, or by the part's name before a dot

_PART = re.compile(r"data\.(train|eval)\[(\d+)\]\.(.+)")
NULL = Note("ignored", "null is the same as leaving the key out")
OFF = Note("ignored", "off in this tool in any case")
_ON = ("data.shuffle", "thinking", "data.separate_documents")  # what is on where no key says so
NO_KEY = Note("untranslatable", "this tool has no key for it", training=True)


def spread(side: str, number: int, rows: Mapping[str, Any]) -> dict[str, Any]:
    """The concepts of one data set of "train" or "eval"."""
    return {f"data.{side}[{number}].{part}": value for part, value in rows.items()}


def gather(values: Mapping[str, Any], side: str) -> list[Rows]:
    """The data sets of one side, in order."""
    found: dict[int, Rows] = {}
    for concept, value in values.items():
        match = _PART.fullmatch(concept)
        if match and match[1] == side:
            found.setdefault(int(match[2]), {})[match[3]] = value
    return [found[number] for number in sorted(found)]


def below(rows: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The parts `name.X` by X."""
    start = f"{name}."
    return {
        part.removeprefix(start): value
        for part, value in rows.items()
        if part[: len(start)] == start
    }


def owned(backend: str, listed: Iterable[str], key: str) -> bool:
    """Whether a key at the top is read here, and not through a table of keys."""
    entry = fields.table(backend).get(key)
    if entry is None or (entry.concept is None and entry.kind is None and not entry.data):
        return key in listed
    return entry.data


def finish(reading: Reading, config: Native, mine: Callable[[str], bool], unknown: Note) -> Reading:
    """Settle all leaves that are owned and that nothing has been heard of; nulls first."""
    for path, value in leaves(config):
        if mine(top(path)) and path not in reading.heard:
            note = NULL if value is None else unknown
            reading.settled.setdefault(path, note)
    return reading


def leave(
    writing: Writing, values: Mapping[str, Any], table: Lost, *, same: bool = False
) -> Writing:
    """Say of each concept of rows that no key holds why that is.

    `same`: the values are of the same tool, so that what is held is held without a difference.
    """
    if same:
        writing.lost = {it: note for it, note in writing.lost.items() if it not in writing.held}
    for concept, value in values.items():
        if rowlike(concept) and concept not in writing.held and concept not in writing.lost:
            off = value is False and concept not in _ON
            writing.lost[concept] = OFF if off else noted(concept, table)
    return writing


def rowlike(concept: str) -> bool:
    """A concept that belongs to the rows."""
    return concept.startswith("data.") or concept in (
        "stage",
        "tokens",
        "thinking",
        "template_date",
        "family",
    )


def noted(concept: str, table: Lost) -> Note:
    """The note of a concept, or of the nearest name above it."""
    name = re.sub(r"data\.(train|eval)\[\d+\]", "[]", concept)
    while name:
        if name in table:
            return table[name]
        name = name.rpartition(".")[0]
    return NO_KEY
