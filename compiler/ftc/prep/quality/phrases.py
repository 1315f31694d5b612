"""The phrases of `phrases.toml`, as patterns and as sets of words."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

_APOSTROPHES = "['\u2019]"


@cache
def _said() -> dict[str, Any]:  # Any: tables of a TOML file
    return tomllib.loads(Path(__file__).with_name("phrases.toml").read_text("utf-8"))


@cache
def pattern(table: str) -> str:
    """One pattern for all phrases of a table, in all languages."""
    parts = [phrase for phrases in _said()[table].values() for phrase in phrases]
    return "(?:" + "|".join(parts).replace("'", _APOSTROPHES) + ")"


@cache
def compiled(table: str, *, cased: bool = False) -> re.Pattern[str]:
    """The same pattern for Python, which tells what was found and where."""
    return re.compile(pattern(table), 0 if cased else re.IGNORECASE)


@cache
def words(table: str) -> dict[str, frozenset[str]]:
    """The words of a table by language."""
    return {language: frozenset(found) for language, found in _said()[table].items()}


@cache
def all_words(table: str) -> frozenset[str]:
    """The words of a table in all languages."""
    return frozenset().union(*words(table).values())
