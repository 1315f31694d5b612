"""Reads the keys of a config.json as what they must be; every fault is one line for the user."""

from __future__ import annotations

from typing import Any

from ftc.diagnostics import nearest
from ftc.errors import FtcError

WIDE = 2**24  # no width, vocabulary or count of layers of any model comes near it
LONG = 2**30  # positions and windows
HINT = "is this a decoder language model?"


class Reader:
    """A config.json (or a part of it) under the names that a model type gives its keys.

    `row` is the type's row of architectures.toml: its `keys`, `defaults` and `fixed` ones.
    `name` stands for the file in messages.
    """

    def __init__(self, config: dict[str, Any], row: dict[str, Any], name: str) -> None:
        self.config, self.name = config, name
        self.defaults, self.keys = row.get("defaults", {}), row.get("keys", {})
        self.fixed = row.get("fixed", ())

    def get(self, key: str) -> Any:
        """The value of a key, else the type's default, else None."""
        value = None if key in self.fixed else self.config.get(self.keys.get(key, key))
        return self.defaults.get(key) if value is None else value

    def nulled(self, key: str) -> bool:
        """Whether config.json says null, which is more than leaving a key out."""
        name = self.keys.get(key, key)
        return name in self.config and self.config[name] is None

    def size(self, key: str, default: int | None = None, least: int = 0, most: int = WIDE) -> int:
        """A whole number; FtcError when it is missing, something else, or beyond all reason."""
        value = self.get(key)
        value = default if value is None else value
        if isinstance(value, list) and value and all(item == value[0] for item in value):
            value = value[0]  # one number for every block
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._refused(key, value, "expected a whole number")
        if value < least or value > most:
            raise self._refused(key, value, f"expected a whole number from {least} to {most}")
        return value

    def flag(self, key: str) -> bool:
        """True or false; false when it is missing."""
        value = self.get(key)
        if value is not None and not isinstance(value, bool):
            raise self._refused(key, value, "expected true or false")
        return bool(value)

    def text(self, key: str, default: str = "") -> str:
        """A text; `default` when it is missing."""
        value = self.get(key)
        value = default if value is None else value
        if not isinstance(value, str):
            raise self._refused(key, value, "expected a text")
        return value

    def table(self, key: str) -> dict[str, Any]:
        """A table; empty when it is missing."""
        value = self.get(key)
        if value is not None and not isinstance(value, dict):
            raise self._refused(key, value, "expected a table")
        return value or {}

    def texts(self, key: str) -> list[str]:
        """A list of texts; empty when it is missing."""
        value = self.get(key)
        value = [] if value is None else value
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._refused(key, value, "expected a list of texts")
        return value

    def numbers(self, key: str) -> list[int]:
        """A list of whole numbers; empty when it is missing."""
        value = self.get(key)
        value = [] if value is None else value
        if not isinstance(value, list) or not all(type(item) is int for item in value):
            raise self._refused(key, value, "expected a list of whole numbers")
        return value

    def _refused(self, key: str, value: Any, expected: str) -> FtcError:
        name = self.keys.get(key, key)
        if value is None:
            near = nearest(name, self.config)
            hint = f"did you mean {near}?" if near else HINT
            return FtcError(f"{self.name}: {name} is missing; {expected}", hint=hint)
        said = repr(value)
        said = said if len(said) < 60 else f"{said[:60]}..."
        return FtcError(f"{self.name}: {name} is {said}; {expected}", hint=HINT)
