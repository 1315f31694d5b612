"""Keeps what is slow to work out below the cache folder, between commands.

Every entry is named by a hash of all that decides it, so that it is never stale; a folder that
cannot be written costs time, not the result.
"""

from __future__ import annotations

import json
import os
import tempfile
import tomllib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from ftc import resources

KEPT = 200  # entries of a kind; the oldest go first
T = TypeVar("T")
FORMAT = 4  # raise it when something is counted or written in another way


def table(path: Path) -> dict[str, Any]:
    """A TOML file that ships with ftc; its JSON form is kept, which is faster to read."""
    text = path.read_bytes()

    def read(value: Any) -> dict[str, Any] | None:
        return value if isinstance(value, dict) else None

    parts = (sha256(text).hexdigest(),)
    return remember("tables", parts, lambda: tomllib.loads(text.decode("utf-8")), read)


def remember(
    kind: str, parts: tuple[str, ...], make: Callable[[], Any], read: Callable[[Any], T | None]
) -> T:
    """`read` of what `make` gave before for the same `parts`, or of what it gives now.

    `make` gives JSON values; `read` turns them into the fact, or says None to what is not one.
    """
    key = sha256("\n".join((str(FORMAT), *parts)).encode()).hexdigest()
    name = f"{key[:32]}.json"
    try:
        found = read(json.loads(kept(kind, name)))
    except (ValueError, TypeError, KeyError):  # no file, or one that is not ours
        found = None
    if found is None:
        value = make()
        found = read(value)
        assert found is not None, f"{kind}: what was made does not read back"
        keep(kind, name, json.dumps(value).encode())
    return found


def kept(kind: str, name: str) -> bytes:
    """What was kept under this name; empty when there is nothing."""
    try:
        return (resources.cache() / kind / name).read_bytes()
    except OSError:
        return b""


def keep(kind: str, name: str, content: bytes) -> None:
    """Keep `content`, whole or not at all: commands may run at the same time."""
    path = resources.cache() / kind / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".")
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(beside).replace(path)
        files = sorted(path.parent.glob(f"*{path.suffix}"), key=lambda file: file.stat().st_mtime)
        for file in files[:-KEPT]:
            file.unlink(missing_ok=True)
    except OSError:  # a full or read-only disk costs time, not the result
        return
