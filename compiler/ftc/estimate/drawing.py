"""Writes the pictures of an estimate: SVG, PNG, or a page; whole or not at all.

Matplotlib is an optional extra, loaded when something is drawn and not before.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ftc.errors import FtcError

if TYPE_CHECKING:
    from ftc.estimate.report import Report

SUFFIXES = (".svg", ".png", ".html")


def check(path: Path, suffixes: Sequence[str] = SUFFIXES) -> None:
    """Raise FtcError on what cannot work, before anything is worked out."""
    if path.suffix.lower() not in suffixes:
        raise FtcError(
            f"--plot {path}: {path.suffix or 'a file without a suffix'} is not drawn",
            hint=f"end the name in one of: {', '.join(suffixes)}",
        )
    if wrong := _place(path):
        raise FtcError(f"--plot {path}: {wrong}", hint="name a file, such as memory.svg")
    if find_spec("matplotlib") is None:
        raise FtcError(
            "--plot needs Matplotlib, which is not installed",
            hint='pip install "ftc[plot]", or pip install matplotlib beside ftc',
        )


def _place(path: Path) -> str:
    """What is wrong with a place to write to, "" when nothing is."""
    try:
        if path.is_dir():
            return "is a folder"
        return "" if path.absolute().parent.is_dir() else f"there is no folder {path.parent}"
    except OSError as error:  # no right to look, or a name that is too long
        return f"cannot be written: {error.strerror}"


def write(path: Path, report: Report) -> None:
    """Draw into `path`, whose suffix says how; FtcError when it cannot be written."""
    suffix = path.suffix.lower()
    if suffix == ".html":
        from ftc.estimate import page  # noqa: PLC0415 - draws with the optional extra

        content = page.page(report).encode("utf-8")
    else:
        from ftc.estimate import plot  # noqa: PLC0415 - the optional extra

        content = plot.whole(report, suffix.removeprefix("."))
    replace(path, content)


def replace(path: Path, content: bytes) -> None:
    """Put a file in place whole; FtcError when it cannot be written."""
    beside = None
    try:
        handle, beside = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}-")
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(beside).chmod(0o644)
        Path(beside).replace(path)
    except OSError as error:
        if beside is not None:
            Path(beside).unlink(missing_ok=True)
        raise FtcError(
            f"--plot {path}: cannot be written: {error.strerror}", hint="choose another place"
        ) from error
