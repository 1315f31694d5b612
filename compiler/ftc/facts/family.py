"""Recognises the chat template family of a model from its template, tokens and type."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from ftc import kept
from ftc.diagnostics import nearest
from ftc.errors import FtcError
from ftc.facts.records import Family

TABLE = Path(__file__).with_name("families.toml")


def recognise(
    template: str, tokens: Iterable[str], model_type: str, model_id: str
) -> Family | None:
    """The first family that fits; None when none does. A chat template alone decides if given."""
    have = set(tokens)
    for row in _rows():
        if _by_template(row, template) if template else _by_tokens(row, have):
            return _family(row)
    if template:
        return None
    for row in _rows():
        named = any(part in model_id.lower() for part in row.get("names", [""]))
        if model_type in row.get("types", []) and named:
            return _family(row)
    return None


def named(name: str) -> Family:
    """The family of this name; FtcError with the nearest one when there is none."""
    row = next((row for row in _rows() if row["name"] == name), None)
    if row is None:
        guess = nearest(name, names())
        hint = f"did you mean {guess}?" if guess else f"one of: {', '.join(names())}"
        raise FtcError(f"model.family: unknown family {name!r}", hint=hint)
    return _family(row)


def names() -> list[str]:
    """Every family that ftc knows."""
    return [row["name"] for row in _rows()]


@cache
def _rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = kept.table(TABLE)["family"]
    return rows


def _family(row: dict[str, Any]) -> Family:
    return Family(row["name"], row["turn_end"], row.get("reasoning", False))


def _by_template(row: dict[str, Any], template: str) -> bool:
    every, some, none = (row.get(key, []) for key in ("every", "any", "none"))
    return (
        bool(every or some)
        and all(text in template for text in every)
        and (not some or any(text in template for text in some))
        and not any(text in template for text in none)
    )


def _by_tokens(row: dict[str, Any], have: set[str]) -> bool:
    tokens = row.get("tokens", [])
    return bool(tokens) and all(token in have for token in tokens)
