"""The word lists of the step, kept as TOML beside it."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
NAMES = ("boilerplate", "fillers", "labels")


@cache
def read(name: str) -> dict[str, Any]:
    """A list by its name; `Any` because lists differ in shape."""
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def files() -> list[Path]:
    """All lists, as files."""
    return [FOLDER / f"{name}.toml" for name in NAMES]
