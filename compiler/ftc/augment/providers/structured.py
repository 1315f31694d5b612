"""How answers are bound to a schema at one endpoint: as tightly as its server can."""

from __future__ import annotations

from collections.abc import Sequence

from ftc.augmentation.endpoint import Structured

MODES: tuple[Structured, ...] = ("json_schema", "json_object", "none")
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


class Bound:
    """The way in use. It is loosened when the server refuses it, unless the recipe fixes it."""

    def __init__(self, wanted: Structured) -> None:
        self.mode: Structured = MODES[0] if wanted == "auto" else wanted
        self.fixed = wanted != "auto"
        self.kept = False  # an answer has been JSON

    def refused(self, used: Structured, said: str) -> bool:
        """Whether to ask again another way, after the server refused `used` with these words."""
        if self.fixed or used == "none" or not any(word in said for word in WORDS):
            return False
        self._loosen(used)
        return True

    def seen(self, used: Structured, text: str, *, cut: bool) -> None:
        """Look at an answer: a server that lets the schema pass unheeded is asked another way."""
        if text.lstrip().startswith("{"):
            self.kept = True
        elif not (self.fixed or self.kept or cut) and text.strip():
            self._loosen(used)

    def _loosen(self, used: Structured) -> None:
        if used == self.mode != "none":
            self.mode = MODES[MODES.index(used) + 1]

    def notes(self) -> list[str]:
        """What the report says about it."""
        if self.fixed or self.mode == MODES[0]:
            return []
        return [f"the server does not bind answers to a schema; asked with {self.mode}"]


def said(messages: Sequence[tuple[str, str]], schema: str) -> list[tuple[str, str]]:
    """The messages with the schema in words, for servers that do not bind to it."""
    *before, (role, content) = messages
    rule = f"Answer with one JSON object and nothing else. It keeps to this JSON schema:\n{schema}"
    return [*before, (role, f"{content}\n\n{rule}")]
