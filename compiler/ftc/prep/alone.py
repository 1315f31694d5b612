"""One run at a time in a folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ftc.errors import FtcError


@contextmanager
def alone(folder: Path, command: str) -> Iterator[None]:
    """The lock goes with the process that holds it, however it ends.

    `command` is that of ftc, and its table in the recipe: "prepare". FtcError when another one is
    at work in the folder, or when it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / f".{command}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise FtcError(
            f"{folder}: cannot be written: {error.strerror}",
            hint=f"out = ... below [{command}] names another folder",
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise FtcError(
            f"{folder}: another ftc {command} is at work here",
            hint="wait for it to end, or stop it",
        ) from error
    try:
        yield
    finally:
        os.close(handle)
