"""Keeps token lengths of large data sets between commands; counting is the slowest fact.

Measured: SmolLM2's tokenizer counts about 1,600 chats of 280 tokens a CPU-second, so that 10,000
rows cost 6 s in each of `plan`, `check`, `explain` and `build`; reading them back costs 10 ms.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from ftc import resources
from ftc.facts.records import Lengths

WORTH = 2000  # rows below which counting is quicker than anybody notices
KEPT = 50  # files; the oldest go first
FORMAT = 1  # raise it when lengths are counted in another way


def lengths(parts: tuple[str, ...], rows: int, count: Callable[[], Lengths]) -> Lengths:
    """`count()`, or what it gave before for the same `parts` (hashes of all that decides it)."""
    if rows < WORTH:
        return count()
    key = sha256("\n".join((str(FORMAT), *parts)).encode()).hexdigest()
    path = resources.cache() / "lengths" / f"{key[:32]}.json"
    found = _read(path, rows)
    if found is None:
        found = count()
        _write(path, found)
    return found


def _read(path: Path, rows: int) -> Lengths | None:
    try:
        total, prompt = json.loads(path.read_text("utf-8"))
        pairs = list(zip(total, prompt, strict=True))
        if len(pairs) != rows or not all(whole >= before >= 0 for whole, before in pairs):
            return None
        answer = tuple(whole - before for whole, before in pairs)
        return Lengths(True, tuple(total), tuple(prompt), answer)
    except (OSError, ValueError, TypeError):  # no file, or one that is not ours: count again
        return None


def _write(path: Path, found: Lengths) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump([found.total, found.prompt], stream)
        Path(name).replace(path)
        files = sorted(path.parent.glob("*.json"), key=lambda file: file.stat().st_mtime)
        for file in files[:-KEPT]:
            file.unlink(missing_ok=True)
    except OSError:  # a full or read-only disk costs time, not the result
        return
