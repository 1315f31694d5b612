"""One way to do the work of a step: ours or a peer's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Method(NamedTuple):
    """`run(rows, folder, *libraries)` does the work and gives its answer, which JSON can hold.

    `rows` is what the subject loads: texts for a peer, Arrow batches for ours. `libraries` are
    modules that are imported before the clock starts. `most` is the number of rows that a slow
    method is given at most; `detached`: it starts processes
    that end without telling it what they used.
    """

    name: str
    run: Callable[..., Any]
    libraries: tuple[str, ...] = ()
    most: int | None = None
    detached: bool = False
