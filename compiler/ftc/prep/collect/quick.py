"""The commonest rows of the commonest formats without detours, exactly as `ftc.data.layouts` has
them; None for every row that is not quite so plain, which then goes there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_OTHER = {"user": "assistant", "assistant": "user"}


def text(row: dict[str, Any]) -> tuple[str, ...] | None:
    """{"text"} alone."""
    if len(row) != 1:
        return None
    found = row.get("text")
    return ("text", found) if found.__class__ is str and not found.isspace() and found else None


def alpaca(row: dict[str, Any]) -> tuple[str, ...] | None:
    """{"instruction", "output"} and perhaps "input", all of them text."""
    asked, answer, more = row.get("instruction"), row.get("output"), row.get("input", "")
    if len(row) != 2 + ("input" in row) or not asked.__class__ is answer.__class__ is str:
        return None
    if more.__class__ is not str or not asked.strip() or not answer.strip():
        return None
    asked = f"{asked}\n{more}" if more.strip() else asked
    return ("user", asked, "assistant", answer)


def chat(row: dict[str, Any]) -> tuple[str, ...] | None:
    """{"messages"} alone, of user and assistant in turn after at most one system turn."""
    messages = row.get("messages")
    if len(row) != 1 or messages.__class__ is not list or not messages:
        return None
    turns: list[str] = []
    expected = "user"
    for turn in messages:
        if turn.__class__ is not dict or len(turn) != 2:
            return None
        role, content = turn.get("role"), turn.get("content")
        if content.__class__ is not str or not content or content.isspace():
            return None
        if role != expected and (turns or role != "system"):
            return None
        expected = _OTHER.get(role, "user")
        turns += (role, content)
    return tuple(turns) if turns[-2] == "assistant" else None


QUICK: dict[str, Callable[[dict[str, Any]], tuple[str, ...] | None]] = {
    "text": text,
    "alpaca": alpaca,
    "messages": chat,
}
