"""Lists of `boilerplate.toml` as patterns."""

from __future__ import annotations

import re
from functools import cache

from ftc.prep.clean import lists

_COUNT = re.compile(r"(?<!\\)\{(\d+),\d+\}")


def parts(medium: str, kind: str) -> str:
    """All patterns of a list as alternatives."""
    return "|".join(f"(?:{part})" for part in lists.read("boilerplate")[medium][kind])


@cache
def line(medium: str, kind: str) -> re.Pattern[str]:
    """Whole lines, with the break that ends them."""
    return re.compile(rf"^[ \t]*(?:{parts(medium, kind)})[ \t]*(?:\n|\Z)", re.I | re.M)


def gate(*kinds: tuple[str, str], start: str = "") -> str:
    """An RE2 pattern that matches where any of the lists might; counts are left out for speed."""
    found = "|".join(parts(medium, kind) for medium, kind in kinds)
    return f"(?im){start}(?:{_COUNT.sub(_any_number, found)})"


def _any_number(match: re.Match[str]) -> str:
    return "*" if match[1] == "0" else "+"
