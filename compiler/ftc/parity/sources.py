"""What a source row holds, as the texts that are looked for in the rendered row."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["control", "template", "prompt", "answer", "terminator"]
_NAMES = {"system": "system turn", "user": "user turn", "assistant": "answer", "tool": "result"}


@dataclass(frozen=True)
class Content:
    """A message, a call or a tool of a source row; those of one message share a `turn`.

    `ways` are the ways in which it may be written, the likeliest first, each as parts in order.
    """

    name: str
    kind: Kind
    turn: int
    ways: tuple[tuple[str, ...], ...]


def contents(record: Mapping[str, Any], role: str = "", default_system: str = "") -> list[Content]:
    """The contents of a record of `ftc.backends.rows`, in order; empty ones are left out.

    `role` is that of the sequence ("chosen", "rejected", "" else). A first system turn that is
    `default_system`, the model's template's own, counts as text of the template.
    """
    if "text" in record:
        return [Content("the text", "answer", 0, ((record["text"],),))]
    seen: Counter[str] = Counter()
    found = [*_tools(_read(record.get("tools") or []))]
    for turn, message in enumerate(_messages(record, role)):
        name = _NAMES.get(message["role"], message["role"])
        seen[name] += 1
        numbered = name if name == "system turn" and seen[name] == 1 else f"{name} {seen[name]}"
        kind: Kind = "answer" if name == "answer" else "prompt"
        text = message.get("content") or ""
        if turn == 0 and name == "system turn" and text == default_system:
            kind = "template"
        if text:
            found.append(Content(numbered, kind, turn, ((text,),)))
        for call in message.get("tool_calls") or ():
            function = call.get("function", call)
            ways = tuple(_call(function["name"], function["arguments"]))
            found.append(Content(f"the call of {function['name']}", kind, turn, ways))
    return found


def _messages(record: Mapping[str, Any], role: str) -> Sequence[Mapping[str, Any]]:
    if "messages" in record:
        return _sequence(_read(record["messages"]))
    answer = record.get("completion") or record.get(role or "chosen") or []
    return [*record.get("prompt", []), *answer]


def _sequence(value: Any) -> Sequence[Mapping[str, Any]]:
    return value if isinstance(value, list) else []


def _read(value: Any) -> Any:
    """Rows with tools hold their turns and tools as JSON text."""
    return json.loads(value) if isinstance(value, str) else value


def _tools(tools: Any) -> Iterator[Content]:
    for tool in _sequence(tools):
        function = tool.get("function", tool)
        ways = [
            (json.dumps(it, ensure_ascii=False, indent=indent),)
            for it in (tool, function)
            for indent in (None, 4)
        ]
        yield Content(f"the tool {function.get('name', '')}", "prompt", -1, tuple(ways))


def _call(name: str, arguments: Any) -> Iterator[tuple[str, ...]]:
    """As Qwen and Mistral write it, as Llama 3 does, and in parts for the others."""
    for key in ("arguments", "parameters"):
        yield (json.dumps({"name": name, key: arguments}, ensure_ascii=False),)
    yield name, json.dumps(arguments, ensure_ascii=False)
    if isinstance(arguments, Mapping):
        yield (name, *(it if isinstance(it, str) else json.dumps(it) for it in arguments.values()))
