"""A chat as chat templates want it: plain turns, whose calls and results know each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ftc.data.example import Message


def turns(messages: Sequence[Message]) -> Iterator[dict[str, Any]]:
    """Each turn as {role, content}; calls have ids of nine signs, as Mistral's templates ask."""
    count, waiting = 0, []
    for message in messages:
        turn: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.tool_calls:
            ids = [f"call{count + index:05d}" for index in range(len(message.tool_calls))]
            count += len(ids)
            waiting = list(zip(ids, message.tool_calls, strict=True))
            turn["tool_calls"] = [
                {"id": name, "type": "function", "function": dict(call)} for name, call in waiting
            ]
        if message.role == "tool" and waiting:
            name, call = waiting.pop(0)
            turn |= {"name": call["name"], "tool_call_id": name}
        yield turn
