"""What kinds read in a row: its system turn, its questions, its answers, and why it is no seed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ftc.prep.canonical import ANSWERS
from ftc.prep.rows import Row

Turns = tuple[tuple[str, str], ...]

NOT = {
    "chunk": "a raw chunk, not a row",
    "text": "a text that nobody asked for",
    "chat": "a row, not a raw chunk",
    "preference": "a preference pair",
    "kto": "a rated answer",
}


def wrong_form(row: Row, *forms: str) -> str:
    """Why a row of this form is no seed; "" for one of `forms`."""
    return "" if row.form in forms else NOT.get(row.form, "a row of another form")


def unasked(row: Row) -> str:
    """Why a row has no question and answer in words; "" when it has."""
    if not question(row).strip():
        return "no question"
    role, said = row.turns[final(row)]
    return "" if role in ("assistant", *ANSWERS) and said.strip() else "no answer"


def plain(row: Row, *forms: str) -> str:
    """Why a row is no seed for kinds that write questions and answers without tools."""
    if reason := wrong_form(row, *forms) or unasked(row):
        return reason
    if row.extra.get("tool_calls") or any(role == "tool" for role, _ in row.turns):
        return "calls tools"
    return ""


def single(row: Row) -> str:
    """Why a row is not one question with one answer."""
    return "several turns" if len(dialogue(row)) != 2 else ""


def system(row: Row) -> str:
    """The system turn, or ""."""
    return row.turns[0][1] if row.turns and row.turns[0][0] == "system" else ""


def question(row: Row) -> str:
    """The first turn of the user, or ""."""
    return next((content for role, content in row.turns if role == "user"), "")


def answer(row: Row) -> str:
    """The first answer, or ""; of a preference pair the chosen one."""
    return next((content for role, content in row.turns if role in ("assistant", *ANSWERS)), "")


def dialogue(row: Row, end: int | None = None) -> Turns:
    """All turns but the system turn, up to the turn `end` of the row."""
    return row.turns[1:end] if row.turns and row.turns[0][0] == "system" else row.turns[:end]


def final(row: Row) -> int:
    """The number of the turn that answers last; of a preference pair the chosen one."""
    return len(row.turns) - (2 if row.form == "preference" else 1)


def headed(row: Row, *turns: tuple[str, str]) -> Turns:
    """New turns below the row's own system turn."""
    return (*row.turns[: len(row.turns) - len(dialogue(row))], *turns)


def exchanged(row: Row, role: str, content: str) -> Turns:
    """The row's turns with the first one of a role replaced."""
    at = next(i for i, turn in enumerate(row.turns) if turn[0] == role)
    return (*row.turns[:at], (role, content), *row.turns[at + 1 :])


def own(row: Row) -> dict[str, Any]:  # Any: what `extra` holds
    """Of `extra`, what the row itself says: tools, their calls, the rating."""
    return {key: row.extra[key] for key in ("tools", "tool_calls", "label") if key in row.extra}


def chat(turns: Iterable[tuple[str, str]]) -> str:
    """Turns as a text for a prompt."""
    return "\n".join(f"{role}: {content}" for role, content in turns)


def arguments(row: Row) -> list[str]:
    """Texts that tool calls are given, as they stand in the row."""
    given = [call.get("arguments", {}) for call in _calls(row)]
    return [text for texts in given for text in texts.values() if isinstance(text, str)]


def names(row: Row) -> list[str]:
    """The names of the tools that are called, and the texts that they are given."""
    return [*(str(call.get("name", "")) for call in _calls(row)), *arguments(row)]


def _calls(row: Row) -> list[dict[str, Any]]:  # Any: JSON of the row
    calls = row.extra.get("tool_calls", {})
    return [call for number in sorted(calls) for call in calls[number]]
