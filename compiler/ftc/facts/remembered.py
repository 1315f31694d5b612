"""Keeps slow facts between commands: token lengths of data sets, and what a tokenizer.json says.

Measured: SmolLM2's tokenizer takes 0.1 CPU-seconds to load and counts about 1,600 chats of 280
tokens a CPU-second, so that 10,000 rows cost 6 s in each of `plan`, `check`, `explain` and `build`;
reading them back costs 10 ms. Every entry is named by a hash of all that decides it.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from ftc import resources
from ftc.facts.records import Lengths

KEPT = 200  # entries of a kind; the oldest go first
T = TypeVar("T")
FORMAT = 2  # raise it when something is counted or written in another way


def lengths(parts: tuple[str, ...], rows: int, count: Callable[[], Lengths]) -> Lengths:
    """`count()`, or what it gave before for the same `parts` (hashes of all that decides it)."""

    def plain() -> Any:
        counted = count()
        return [counted.total, counted.prompt]

    def read(value: Any) -> Lengths | None:
        total, prompt = value
        pairs = list(zip(total, prompt, strict=True))
        if len(pairs) != rows or not all(whole >= before >= 0 for whole, before in pairs):
            return None
        answer = tuple(whole - before for whole, before in pairs)
        return Lengths(True, tuple(total), tuple(prompt), answer)

    return remember("lengths", parts, plain, read) if rows else count()


def remember(
    kind: str, parts: tuple[str, ...], make: Callable[[], Any], read: Callable[[Any], T | None]
) -> T:
    """`read` of what `make` gave before for the same `parts`, or of what it gives now.

    `make` gives JSON values; `read` turns them into the fact, or says None to what is not one.
    """
    key = sha256("\n".join((str(FORMAT), *parts)).encode()).hexdigest()
    path = resources.cache() / kind / f"{key[:32]}.json"
    try:
        found = read(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError, KeyError):  # no file, or one that is not ours
        found = None
    if found is None:
        value = make()
        found = read(value)
        assert found is not None, f"{kind}: what was made does not read back"
        _write(path, value)
    return found


def _write(path: Path, value: Any) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(value, stream)
        Path(name).replace(path)
        files = sorted(path.parent.glob("*.json"), key=lambda file: file.stat().st_mtime)
        for file in files[:-KEPT]:
            file.unlink(missing_ok=True)
    except OSError:  # a full or read-only disk costs time, not the result
        return
