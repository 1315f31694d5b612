"""Hashes of rows: equal rows have equal ids, equal prompts equal keys, on every machine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from hashlib import blake2b, sha256
from itertools import takewhile
from typing import Any

from ftc.data.example import Example, Message, Segment
from ftc.data.table import BadRow

_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def content(example: Example) -> str:
    """What a row says, as one line of JSON with fixed order; place and id are no part of it."""
    answers = [example.chosen, example.rejected, example.completion]
    parts = [
        [_turn(message) for message in example.messages],
        example.tools,
        example.text,
        [_turn(answer) if answer else None for answer in answers],
        example.label,
    ]
    return _ENCODER.encode([*parts, example.segments] if example.segments else parts)


def row_id(example: Example) -> str:
    """16 hexadecimal digits; BadRow when the row cannot be written as UTF-8."""
    try:
        return sha256(content(example).encode()).hexdigest()[:16]
    except UnicodeEncodeError as error:
        raise BadRow("holds half of a surrogate pair (\\ud800 to \\udfff)") from error
    except RecursionError as error:
        raise BadRow("nested too deeply") from error


def prompt_key(example: Example) -> str:
    """Equal for rows that ask the same: all before the first answer, case and spaces aside.

    The system turn is left out: the same question under another system turn is the same question.
    Of segments it is what stands before the first trained one, or all where that is the first.
    """
    asked = [example.text, *_untrained(example.segments)]
    for message in example.messages:
        if message.role == "assistant":
            break
        if message.role != "system":
            asked.append(message.content)
    folded = " ".join("\n".join(asked).casefold().split())
    return blake2b(folded.encode(), digest_size=8).hexdigest()


def _untrained(segments: Sequence[Segment]) -> list[str]:
    before = [part.text for part in takewhile(lambda part: not part.trained, segments)]
    return before or [part.text for part in segments]


def order(key: str, seed: int, purpose: str) -> bytes:
    """A place in a shuffled order that depends on content, seed and purpose, not on position."""
    return blake2b(f"{purpose}:{seed}:{key}".encode(), digest_size=8).digest()


def digest(examples: Iterable[Example]) -> str:
    """sha256 of all rows in their order."""
    total = sha256()
    for example in examples:
        total.update(content(example).encode() + b"\n")
    return total.hexdigest()


def _turn(message: Message) -> list[Any]:
    return [message.role, message.content, message.tool_calls]
