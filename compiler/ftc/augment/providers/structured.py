"""How answers are bound to a schema at one endpoint: as tightly as its server can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ftc.augmentation.endpoint import Structured

Way = Literal["json_schema", "bare", "json_object", "none"]  # bare: a schema without limits

WAYS: tuple[Way, ...] = ("json_schema", "bare", "json_object", "none")
WORDS = (
    "response_format",
    "json_schema",
    "json_object",
    "structured",
    "grammar",
    "guided",
    "output_config",
    "output_format",
    "tool_choice",
    "tools",
    "schema",
)
UNBOUND = (
    8  # answers that are no JSON, and no other: the server does not heed the schema (judgment)
)
LIMITS = (
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
    "$schema",
)


class Bound:
    """The way in use. It is loosened when the server refuses it, unless the recipe fixes it."""

    def __init__(self, wanted: Structured) -> None:
        self.way: Way = WAYS[0] if wanted == "auto" else wanted
        self.last: Way = {"auto": WAYS[-1], "json_schema": WAYS[1]}.get(wanted, self.way)
        self._kept = False  # an answer has been JSON
        self._unbound = 0

    def refused(self, used: Way, said: str) -> bool:
        """Whether to ask again another way, after the server refused `used` with these words."""
        if used == self.last or not any(word in said for word in WORDS):
            return False
        self._loosen(used)
        return True

    def seen(self, used: Way, text: str, *, cut: bool) -> None:
        """Look at an answer: a server that lets the schema pass unheeded is asked another way."""
        self._kept = self._kept or text.lstrip().startswith("{")
        if self._kept or cut or not text.strip() or used != self.way:
            return
        self._unbound += 1
        if self._unbound == UNBOUND:
            self._unbound = 0
            self._loosen("bare" if used == "json_schema" else used)

    def _loosen(self, used: Way) -> None:
        """To the way after `used`, unless another question has brought that about already."""
        after = WAYS.index(used) + 1
        if used != self.last and WAYS.index(self.way) < after:
            self.way = WAYS[after]

    def notes(self) -> list[str]:
        """What the report says about it."""
        if self.last != "none" or self.way in WAYS[:2]:
            return []
        return [f"the server does not bind answers to a schema; asked with {self.way}"]


def bare(schema: Any) -> Any:
    """A schema of types, names and choices alone, and of no others than the named properties: what
    vendors bind answers to. Limits are told in the descriptions, and checked in the answer."""
    if isinstance(schema, list):
        return [bare(it) for it in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _part(key, it) for key, it in schema.items() if key not in LIMITS}
    limits = [f"{key} {schema[key]}" for key in schema if key in LIMITS and key != "$schema"]
    if limits:
        told = [found["description"]] if "description" in found else []
        found["description"] = "; ".join(told + limits)
    if "properties" in found:
        found["additionalProperties"] = False
    return found


def _part(key: str, value: Any) -> Any:
    if key in ("properties", "$defs"):  # names of the user's, which may be those of keywords
        return {name: bare(it) for name, it in value.items()}
    return value if key in ("const", "enum", "required") else bare(value)


def said(messages: Sequence[tuple[str, str]], schema: str) -> list[tuple[str, str]]:
    """The messages with the schema in words, for servers that do not bind to it."""
    *before, (role, content) = messages
    rule = f"Answer with one JSON object and nothing else. It keeps to this JSON schema:\n{schema}"
    return [*before, (role, f"{content}\n\n{rule}")]
