"""What an answer is worth, by what the maker of the rows knows; shares from 0 to 1."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

KINDS = ("verbatim", "case", "punctuation", "edits 3 %", "edits 10 %")


def truth(folder: Path) -> Any:
    """What the maker knows."""
    return json.loads((folder / "truth.json").read_text("utf-8"))


def share(part: float, whole: float) -> float:
    """Part of a whole; 1 when there is nothing to find."""
    return part / whole if whole else 1.0


def contamination(answer: dict[str, list[int]], folder: Path, rows: int) -> dict[str, float]:
    """Recall by the way an item was changed, and the share of clean rows that were flagged."""
    kinds = truth(folder)["kinds"][:rows]
    flagged = set(answer["flagged"])
    there = Counter(kinds)
    found = Counter(kinds[number] for number in flagged)
    recalls = {kind: share(found[kind], there[kind]) for kind in KINDS}
    return recalls | {"clean flagged": share(found[""], there[""])}


def count(answer: int, folder: Path, rows: int) -> dict[str, float]:
    """The share of the rows that came through."""
    return {"rows read": share(answer, rows)}
