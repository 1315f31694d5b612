"""What a source row holds, as the texts that are looked for in the rendered row."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["control", "template", "prompt", "answer", "terminator"]
_NAMES = {"system": "system turn", "user": "user turn", "assistant": "answer", "tool": "result"}


@dataclass(frozen=True)
class Content:
    """A message, a call or a tool of a source row; those of one message share a `turn`.

    `ways` are the ways in which it may be written, the likeliest first, each as parts in order.
    `bare` text holds what a template would write around it.
    """

    name: str
    kind: Kind
    turn: int
    ways: tuple[tuple[str, ...], ...]
    bare: bool = False


def contents(record: Mapping[str, Any], role: str = "", default_system: str = "") -> list[Content]:
    """The contents of a record of `ftc.backends.rows`, in order; empty ones are left out.

    `role` is that of the sequence ("chosen", "rejected", "" else). A first system turn that is
    `default_system`, the model's template's own, counts as text of the template; answers in the
    prompt of a preference row are prompt.
    """
    if "text" in record:
        return [Content("the text", "answer", 0, ((record["text"],),))]
    if "segments" in record:
        return [_segment(part, n) for n, part in enumerate(record["segments"], 1)]
    given = _sequence(record.get("prompt"))
    answers = _sequence(record.get("completion") or record.get(role or "chosen"))
    found = list(_tools(_sequence(_read(record.get("tools")))))
    seen: Counter[str] = Counter()
    for turn, message in enumerate([*_sequence(_read(record.get("messages"))), *given, *answers]):
        asked: Kind = "prompt" if turn < len(given) else "answer"
        kind = asked if message["role"] == "assistant" else "prompt"
        if turn == 0 and (message["role"], message["content"]) == ("system", default_system):
            kind = "template"
        name = _NAMES.get(message["role"], message["role"])
        seen[name] += 1
        found += _message(message, kind, turn, f"{name} {seen[name]}")
    return found


def _segment(part: Mapping[str, Any], number: int) -> Content:
    kind: Kind = "answer" if part["label"] else "prompt"
    return Content(f"segment {number}", kind, number, ((part["text"],),), bare=True)


def _message(message: Mapping[str, Any], kind: Kind, turn: int, name: str) -> Iterator[Content]:
    if text := message.get("content"):
        yield Content(name.replace("system turn 1", "system turn"), kind, turn, ((text,),))
    for call in message.get("tool_calls") or ():
        it = call.get("function", call)
        ways = tuple(_call(it["name"], it["arguments"]))
        yield Content(f"{name}'s call of {it['name']}", kind, turn, ways)


def _sequence(value: Any) -> Sequence[Mapping[str, Any]]:
    return value if isinstance(value, list) else []


def _read(value: Any) -> Any:
    """Rows with tools hold their turns and tools as JSON text."""
    return json.loads(value) if isinstance(value, str) else value


def _tools(tools: Iterable[Any]) -> Iterator[Content]:
    """A tool as JSON, as most templates write it, or else its name and what it is for."""
    for tool in tools:
        it = tool.get("function", tool)
        ways = [
            (json.dumps(shape, ensure_ascii=False, indent=indent),)
            for shape in (tool, it)
            for indent in (None, 4)
        ]
        described = tuple(str(it[key]) for key in ("name", "description") if it.get(key))
        yield Content(f"the tool {it.get('name', '')}", "prompt", -1, (*ways, described))


def _call(name: str, arguments: Any) -> Iterator[tuple[str, ...]]:
    """As Qwen and Mistral write it, as Llama 3 does, and in parts for the others."""
    for key in ("arguments", "parameters"):
        yield (json.dumps({"name": name, key: arguments}, ensure_ascii=False),)
    yield name, json.dumps(arguments, ensure_ascii=False)
    if isinstance(arguments, Mapping):
        yield (name, *(it if isinstance(it, str) else json.dumps(it) for it in arguments.values()))
