"""How long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]  # what is done, so many of so many; 0 of 0: unknown


def quiet(what: str, done: int, total: int) -> None:
    """Tell nobody."""
