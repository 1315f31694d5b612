"""The word lists of the step, kept as TOML beside it."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent


@cache
def read(name: str) -> dict[str, Any]:
    """A list by its name; `Any` because lists differ in shape."""
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
