"""Rows that lack a part: a prompt, an answer, a label, a difference between two answers."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ftc.prep.diversity.measures import having
from ftc.prep.quality.view import Found, View

NEEDS = {
    "chat": ("user", "assistant"),
    "preference": ("user", "chosen", "rejected"),
    "kto": ("user", "completion"),
    "text": ("text",),
}
MARKS = ("-", "*", "_", "#")
ASKING = ("user", "system")
NOTHING = r"^[\s.…_*#\x{200B}-\x{200F}\x{FEFF}-]*$|^\s*(?:todo|tbd|xxx+)\W*$"


def missing_field(seen: View) -> Iterator[Found]:
    """A row has no prompt, no answer of its form, or no label."""
    said = seen.said
    extras = seen.rows["extra"].to_pylist()
    for row, form in enumerate(seen.forms):
        if form not in NEEDS:
            continue
        start, end = said.spans[row]
        roles = said.roles[start:end]
        if form == "chat" and roles and roles[-1] in ASKING:
            yield Found(row, 1.0, f"ends with a turn of role {roles[-1]}")
        absent = [role for role in NEEDS[form] if role not in roles]
        if absent:
            yield Found(row, 1.0, f"no turn of role {absent[0]}")
        elif form == "kto" and "label" not in json.loads(extras[row]):
            yield Found(row, 1.0, "no label")
        elif any(
            role == "user" and not text.strip()
            for role, text in zip(roles, said.said[start:end], strict=True)
        ):
            yield Found(row, 1.0, "an empty prompt")


def empty_answer(seen: View) -> Iterator[Found]:
    """An answer says nothing; an answer of a single mark such as "+" says something."""
    for pair, row in seen.pairs(having(seen.answers, NOTHING)):
        text = seen.said.answers[pair].strip()
        if text not in MARKS:
            yield Found(row, 1.0, repr(text[:40]))
    for row, text in _turns(seen, "rejected"):
        if not text.strip():
            yield Found(row, 1.0, "in rejected")


def chosen_is_rejected(seen: View) -> Iterator[Found]:
    """Both answers of a preference row are the same but for spaces."""
    rejected = dict(_turns(seen, "rejected"))
    for row, text in _turns(seen, "chosen"):
        if row in rejected and text.split() == rejected[row].split():
            yield Found(row, 1.0, "")


def _turns(seen: View, role: str) -> Iterator[tuple[int, str]]:
    """(row, text) of the turns of a role of preference rows."""
    for row, form in enumerate(seen.forms):
        if form == "preference":
            start, end = seen.said.spans[row]
            for turn in range(start, end):
                if seen.said.roles[turn] == role:
                    yield row, seen.said.said[turn]
