"""Answers that a fault server gives: out of a hash of the question, within its schema."""

from hashlib import sha256
from typing import Any

TEXT = """
river table seven quiet green letter machine window careful answer morning simple paper garden
number follow bright market listen travel second carry winter bridge open reason
"""
WORDS = TEXT.split()


class Dice:
    """Numbers out of a hash: equal texts, equal numbers."""

    def __init__(self, text: str) -> None:
        self._text, self._count = text, 0

    def below(self, limit: int) -> int:
        """A number from 0 to below `limit`."""
        self._count += 1
        digest = sha256(f"{self._count}:{self._text}".encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8]) % max(1, limit)

    def words(self, count: int) -> str:
        """A sentence of so many words."""
        return " ".join(WORDS[self.below(len(WORDS))] for _ in range(count)).capitalize() + "."


def instance(schema: dict[str, Any], dice: Dice, root: dict[str, Any] | None = None) -> Any:
    """A value that keeps to `schema`, of the keywords that the prompts of ftc use."""
    root = root or schema
    if "$ref" in schema:
        return instance(root["$defs"][schema["$ref"].rsplit("/", 1)[1]], dice, root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][dice.below(len(schema["enum"]))]
    if "anyOf" in schema:
        return instance(schema["anyOf"][0], dice, root)
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object":
        return {name: instance(it, dice, root) for name, it in schema.get("properties", {}).items()}
    if kind == "array":
        least = schema.get("minItems", 1)
        count = least + dice.below(schema.get("maxItems", least + 2) - least + 1)
        return [instance(schema["items"], dice, root) for _ in range(count)]
    if kind == "integer":
        least = schema.get("minimum", 0)
        return least + dice.below(schema.get("maximum", least + 9) - least + 1)
    if kind == "number":
        least = schema.get("minimum", 0)
        return least + (schema.get("maximum", least + 1) - least) * dice.below(1001) / 1000
    if kind == "boolean":
        return bool(dice.below(2))
    return None if kind == "null" else _string(schema, dice)


def _string(schema: dict[str, Any], dice: Dice) -> str:
    text = dice.words(5 + dice.below(8))
    while len(text) < schema.get("minLength", 0):
        text += " " + dice.words(8)
    return text[: schema.get("maxLength", len(text))]
