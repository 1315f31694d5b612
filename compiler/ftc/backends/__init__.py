"""What differs between the tools: their versions, their keys, their schemas; a module per tool."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from ftc.diagnostics import nearest
from ftc.errors import FtcError

if TYPE_CHECKING:
    from ftc.backends.protocol import Backend

MODULES: dict[str, str] = {
    "axolotl": "ftc.backends.axolotl",
    "llamafactory": "ftc.backends.llamafactory",
}


def get(name: str) -> Backend:
    """The module of a backend, loaded when it is asked for; FtcError on an unknown name."""
    if name not in MODULES:
        meant = nearest(name, MODULES)
        raise FtcError(
            f"unknown backend {name!r}",
            hint=f"did you mean {meant}?" if meant else f"one of: {', '.join(MODULES)}",
        )
    return cast("Backend", import_module(MODULES[name]))
