"""Answers for a rehearsal: JSON that fits a schema, made of what stands in the question."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any, Literal, NamedTuple

LIKELY = 600  # characters of a text that a model writes, at most, where it could write more
SHORT = 80  # and at least, however short the question is; both are judgments
OPENERS = ("Well:", "So:", "Again:", "Now:", "Then:", "Here:")

_WORD = re.compile(r"(?<!\S)[^\W\d_]+(?=[.,:;?!]?(?:\s|$))")

Text = Literal["again", "part", "mixed", "bare"]
Verdict = Literal["yes", "no", "any"]


class Mood(NamedTuple):
    """How a model answers. `again`: what was shown under the same name, with a word before it;
    `part`: an excerpt; `mixed`: words in another order; `bare`: without words, so in no language.
    `long`: as much as it may say."""

    text: Text
    verdict: Verdict
    long: bool = False


TEXTS: tuple[Text, ...] = ("again", "part", "mixed")
MOODS = (
    *(Mood(text, "yes") for text in TEXTS),
    Mood("bare", "yes"),
    Mood("again", "yes", long=True),
    *(Mood(text, verdict) for verdict in ("no", "any") for text in TEXTS),
)


class Filler:
    """Fills one schema. The same values, mood and key of the question give the same answer."""

    def __init__(
        self, values: Mapping[str, Any], mood: Mood, key: str, room: int, strings: int = 1
    ) -> None:
        """`room`: characters of the whole answer, for so many strings."""
        self._named = {name: it for name, it in values.items() if isinstance(it, str) and it}
        self._source = max(texts(values), key=len, default="") or "text"
        self._mood = mood
        self._dice = Random(f"{mood} {key}")
        self._room = max(SHORT, room // max(1, strings))
        self._strings = 0

    def value(self, schema: Mapping[str, Any], name: str = "") -> Any:  # Any: JSON
        """JSON that keeps to types, bounds and choices of a schema; patterns are not looked at."""
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._choice(schema["enum"])
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return self.value(schema[key][0], name)
        kind = _kind(schema)
        if kind == "object":
            return {key: self.value(it, key) for key, it in schema.get("properties", {}).items()}
        if kind == "array":
            low, high = schema.get("minItems", 0), schema.get("maxItems", 3)
            count = high if self._mood.long else max(low, min(high, 2))
            return [self.value(schema.get("items", {}), name) for _ in range(count)]
        if kind in ("integer", "number"):
            low = schema.get("minimum", 0)
            return self._choice(range(schema.get("maximum", low + 5), low - 1, -1))
        if kind == "boolean":
            return self._choice((True, False))
        return None if kind == "null" else self._text(schema, name)

    def _choice(self, known: Sequence[Any]) -> Any:  # Any: what a schema lists
        """The first, the last or any: schemas name what is good first, and numbers go down."""
        if self._mood.verdict == "any":
            return self._dice.choice(known)
        return known[0] if self._mood.verdict == "yes" else known[-1]

    def _text(self, schema: Mapping[str, Any], name: str) -> str:
        low = schema.get("minLength", 0)
        high = min(self._room, schema.get("maxLength", self._room))
        self._strings += 1
        shown = self._named.get(name)
        source = shown or self._source
        size = max(low, min(high, high if self._mood.long else likely(len(source))))
        if self._mood.text == "again" and shown and not self._mood.long:
            text = f"{OPENERS[self._strings % len(OPENERS)]} {shown}"[: max(low, high)]
        elif self._mood.text == "mixed":
            words = source.split()
            self._dice.shuffle(words)
            text = " ".join(words)[:size]
        elif self._mood.text == "bare":
            text = _WORD.sub(lambda it: "-" * len(it[0]), source)[: max(low, high)]
        else:
            start = self._dice.randrange(len(source) // 2 + 1)
            text = source[start : start + size]
        if self._mood.long or len(text) < low:
            text = (f"{text} " * (1 + size // (len(text) + 1)))[:size]
        return text


def texts(value: Any) -> Iterator[str]:  # Any: values of a prompt
    """All strings in values, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for it in value.values():
            yield from texts(it)
    elif isinstance(value, (list, tuple)):
        for it in value:
            yield from texts(it)


def expected(schema: Mapping[str, Any], values: Mapping[str, Any], name: str = "") -> int:
    """Characters of a likely answer.

    A text is as long as what was shown under its name. Others are LIKELY long, or, where the schema
    bounds them, half of the bound and no longer than the longest text shown; all are judgments.
    """
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return expected(schema[key][0], values, name)
    kind = "choice" if {"enum", "const"} & schema.keys() else _kind(schema)
    if kind == "object":
        inner = schema.get("properties", {}).items()
        return 2 + sum(len(key) + 6 + expected(it, values, key) for key, it in inner)
    if kind == "array":
        count: int = max(schema.get("minItems", 0), min(schema.get("maxItems", 3), 2))
        return 2 + count * (2 + expected(schema.get("items", {}), values, name))
    if kind != "string":
        return 5  # as of "false"
    high: int | None = schema.get("maxLength")
    shown = values.get(name)
    if isinstance(shown, str) and shown:
        return min(len(shown), high or len(shown))
    longest = max(map(len, texts(values)), default=0)
    return min(likely(longest), high // 2) if high else LIKELY


def likely(length: int) -> int:
    """Characters of a text that is made of one of so many: as many, within bounds."""
    return min(max(length, SHORT), LIKELY)


def _kind(schema: Mapping[str, Any]) -> str:
    """The type that is not null."""
    kind = schema.get("type", "string")
    return next((it for it in kind if it != "null"), "null") if isinstance(kind, list) else kind


def chooses(schema: str) -> bool:
    """Whether a schema leaves a choice, so that one verdict is not like another."""
    return any(f'"{name}"' in schema for name in ("enum", "boolean", "integer", "number"))


def strings(schema: Mapping[str, Any]) -> int:
    """How many texts a schema holds, an array counted as its most items."""
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())[:1]]
    if schema.get("type") == "array":
        return int(schema.get("maxItems", 3)) * strings(schema.get("items", {}))
    if inner:
        return sum(strings(it) for it in inner)
    return int(schema.get("type", "string") == "string" and not {"enum", "const"} & schema.keys())
