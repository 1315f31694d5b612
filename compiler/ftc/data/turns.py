"""Turns of a chat in any spelling, as `Message`s: roles, contents, tool calls, their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ftc.data import json_rows
from ftc.data.example import Message, Role
from ftc.data.table import BadRow
from ftc.diagnostics import nearest

EMPTY_ANSWER = "empty answer"
ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "function_call": "assistant",
    "tool": "tool",
    "observation": "tool",
    "function": "tool",
    "function_response": "tool",
    "tool_response": "tool",
    "ipython": "tool",
}


def turns(value: Any, column: str) -> tuple[Message, ...]:
    """The turns in `value`, a list or the JSON text of one; BadRow when they cannot be read."""
    value = decoded(value, column)
    if not isinstance(value, list) or not value:
        raise BadRow(f"column {column!r} holds no list of turns")
    return tuple(message(turn, number) for number, turn in enumerate(value, 1))


def decoded(value: Any, column: str) -> Any:
    """`value`, or what it says when it is JSON in a text, as CSV files hold it."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return value
    try:
        return json_rows.parse(value.strip())
    except ValueError as error:
        raise BadRow(f"column {column!r} holds broken JSON: {error}") from error


def message(turn: Any, number: int = 1) -> Message:
    """One turn: {"role", "content"} (OpenAI) or {"from", "value"} (ShareGPT)."""
    if not isinstance(turn, dict):
        raise BadRow(f"turn {number} is no object with a role and a content")
    name = turn.get("role", turn.get("from"))
    role = ROLES.get(name.strip().lower()) if isinstance(name, str) else None
    if role is None:
        raise BadRow(f"turn {number} has {_unknown(name)}")
    if turn.get("weight") in (0, False) or turn.get("train") is False:
        raise BadRow(f"turn {number} is excluded from training (weight 0), which ftc cannot do")
    content = turn.get("content", turn.get("value"))
    if name == "function_call":
        return Message(role, "", _calls(decoded(content, "function_call"), number))
    calls = turn.get("tool_calls") or turn.get("function_call")
    text = _content(content, number, optional=bool(calls))
    if role == "assistant":
        text = _with_reasoning(turn, text)
    return Message(role, text, _calls(decoded(calls, "tool_calls"), number) if calls else ())


def _unknown(name: Any) -> str:
    if name is None:
        return "no role"
    guess = nearest(str(name).lower(), ROLES)
    return f"the unknown role {name!r}" + (f" (did you mean {guess}?)" if guess else "")


def _content(content: Any, number: int, *, optional: bool) -> str:
    if isinstance(content, str):
        return content
    if content is None and optional:
        return ""
    if isinstance(content, list):
        return "\n".join(_part(part, number) for part in content)
    kind = "no content" if content is None else f"a {type(content).__name__} as content, not text"
    raise BadRow(f"turn {number} has {kind}")


def _part(part: Any, number: int) -> str:
    """Text parts are joined by a line break, as vLLM does for templates that want one text."""
    if isinstance(part, str):
        return part
    if isinstance(part, dict):
        if isinstance(part.get("text"), str):
            return str(part["text"])
        raise BadRow(f"turn {number} holds a part of type {part.get('type')!r}; ftc trains text")
    raise BadRow(f"turn {number} has a content part that is no text")


def _with_reasoning(turn: dict[str, Any], text: str) -> str:
    """A separate reasoning text is written before the answer as reasoning models write it."""
    thought = turn.get("reasoning_content") or turn.get("thinking")
    if not isinstance(thought, str) or "</think>" in text:
        return text
    return f"<think>\n{thought.strip()}\n</think>\n\n{text}"


def _calls(value: Any, number: int) -> tuple[dict[str, Any], ...]:
    items = value if isinstance(value, list) else [value]
    return tuple(_call(item, number) for item in items)


def _call(value: Any, number: int) -> dict[str, Any]:
    function = value.get("function", value) if isinstance(value, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise BadRow(f"turn {number} has a tool call without a name")
    arguments = function.get("arguments", function.get("parameters", {}))
    if isinstance(arguments, str):
        arguments = decoded(arguments or "{}", "arguments")
    if not isinstance(arguments, dict):
        raise BadRow(f"turn {number} has a tool call whose arguments are no JSON object")
    return {"name": function["name"], "arguments": arguments}


def tools(value: Any) -> tuple[dict[str, Any], ...]:
    """Tool descriptions in OpenAI's form, {"type": "function", "function": {...}}."""
    value = decoded(value, "tools")
    if not value:
        return ()
    found = []
    for tool in value if isinstance(value, list) else [value]:
        function = tool.get("function", tool) if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise BadRow("column 'tools' holds a tool without a name")
        found.append({"type": "function", "function": function})
    return tuple(found)


def check_order(messages: Sequence[Message], *, last: tuple[Role, ...]) -> None:
    """BadRow unless turns alternate from the user on and end with one of the roles in `last`.

    A system turn may stand first; tool turns stand between two assistant turns.
    """
    chat = messages[1:] if messages and messages[0].role == "system" else messages
    first = len(messages) - len(chat) + 1
    if not chat:
        raise BadRow("holds no turns but the system turn")
    before: Role | None = None
    for number, turn in enumerate(chat, first):
        if turn.role not in _AFTER[before]:
            raise BadRow(_misplaced(turn.role, before, number))
        if turn.role == "assistant" and not turn.content.strip() and not turn.tool_calls:
            raise BadRow(f"{EMPTY_ANSWER} (turn {number})")
        if turn.role == "user" and not turn.content.strip():
            raise BadRow(f"empty user turn (turn {number})")
        before = turn.role
    if before not in last:
        raise BadRow(f"ends with a {before} turn, expected {' or '.join(last)}")


_AFTER: dict[Role | None, tuple[Role, ...]] = {
    None: ("user",),
    "user": ("assistant",),
    "assistant": ("user", "tool"),
    "tool": ("assistant", "tool"),
}


def _misplaced(role: Role, before: Role | None, number: int) -> str:
    if before is None:
        return f"starts with a turn of {role}, expected user"
    if role == "system":
        return f"turn {number} is a system turn in the middle of the chat"
    if role == before:
        return f"two {role} turns in a row (turns {number - 1} and {number})"
    return f"turn {number} ({role}) cannot follow a turn of {before}"
