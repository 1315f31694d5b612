"""What a rule or a person makes of a chunk: a question, its answer and where both stand."""

from __future__ import annotations

from string import Formatter
from typing import NamedTuple

from ftc.prep.rows import Row


class Draft(NamedTuple):
    """`evidence` are the first character and the one after the last in the chunk's text."""

    user: str
    answer: str
    evidence: tuple[int, int]


def whole(row: Row, user: str) -> Draft:
    """The text of a chunk as the answer to `user`."""
    text = row.turns[0][1]
    return Draft(user, text.strip(), (0, len(text)))


def filled(template: str, row: Row) -> str:
    """The template with what is known of a chunk; "" when it names something that is not."""
    extra = row.extra
    known = {
        "title": row.title.strip(),
        "file": row.file,
        "place": row.place,
        "sender": _text(extra.get("from")),
        "recipient": _text(extra.get("to")),
        "date": _text(extra.get("date")),
    }
    if any(name and not known[name] for _, name, _, _ in Formatter().parse(template)):
        return ""
    return template.format(**known)


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    return value.strip() if isinstance(value, str) else ""
