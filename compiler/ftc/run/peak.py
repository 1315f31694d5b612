"""The measured peak of a run: what its processes said of themselves, and what was seen outside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

FOLDER = "memory"  # of a run folder: a file for each process and start, see ftc_peak.py
GIB = 2**30


@dataclass(frozen=True)
class Peak:
    """GiB at the fullest moment of all attempts, None for what could not be seen.

    `allocated`, `reserved`: torch's counters on the fullest card. `driver`: what nvidia-smi showed
    for the run on its fullest card, looked at every second. `resident`: main memory of the largest
    process; `before`: what that process had before it loaded the model, its libraries. `tree`: main
    memory of all processes together; what they share counts for each. `parts`: the highest of each
    part of the run, `allocated` on a GPU, else `resident`. `processes`: training processes.
    """

    allocated: float | None = None
    reserved: float | None = None
    driver: float | None = None
    resident: float | None = None
    before: float | None = None
    tree: float | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    processes: int = 0

    @property
    def growth(self) -> float | None:
        """What training itself took of main memory: resident without the libraries' share."""
        if self.resident is None or self.before is None:
            return None
        return self.resident - self.before

    def line(self) -> str:
        """One line for a person; "" when nothing was measured."""
        said = {
            "allocated": self.allocated,
            "reserved": self.reserved,
            "by the driver": self.driver,
        }
        if self.allocated is None and self.driver is None:
            said = {"resident": self.resident, "before the model": self.before}
        shown = [f"{size:.2f} GiB {name}" for name, size in said.items() if size is not None]
        return f"memory: {', '.join(shown)}" if shown else ""


def read(raw: object) -> Peak:
    """A peak from run.json; what a later ftc may add is left out."""
    if not isinstance(raw, dict):
        raise TypeError("peak is not an object")
    known = {part.name for part in fields(Peak)}
    return Peak(**{name: value for name, value in raw.items() if name in known})


def merged(one: Peak, other: Peak) -> Peak:
    """The higher of each figure; `before` comes from the later one."""
    highest = {
        name: max((it for it in (getattr(one, name), getattr(other, name)) if it is not None),
                  default=None)
        for name in ("allocated", "reserved", "driver", "resident", "tree")
    }  # fmt: skip
    names = [*one.parts, *(name for name in other.parts if name not in one.parts)]
    return Peak(
        **highest,
        before=one.before if other.before is None else other.before,
        parts={n: max(one.parts.get(n, 0.0), other.parts.get(n, 0.0)) for n in names},
        processes=max(one.processes, other.processes),
    )


def told(folder: Path) -> Peak:
    """What the training processes of a run folder wrote of themselves, all attempts."""
    found = Peak()
    ranks = set()
    for said in _files(folder):
        ranks.add(said.get("rank"))
        found = merged(found, _of(said))
    return replace(found, processes=len(ranks))


def model(folder: Path) -> dict[str, Any] | None:
    """The config of the model that was really trained, as its process saw it; None if unknown."""
    for said in _files(folder):
        if isinstance(config := said.get("config"), dict):
            return config
    return None


def cards(folder: Path) -> list[str]:
    """Names of the cards of a run, as torch gives them."""
    return [str(name) for said in _files(folder)[:1] for name in said.get("cards", [])]


def retained(folder: Path) -> bool:
    """Whether glibc kept freed memory for itself, as it does by default: a run on a CPU then holds
    more than its tensors."""
    return not any(said.get("mmap_threshold") for said in _files(folder))


def _files(folder: Path) -> list[dict[str, Any]]:
    """Every readable file, the oldest first; a broken one says nothing."""
    found = []
    for path in sorted((folder / FOLDER).glob("rank*.json"), key=lambda it: it.stat().st_mtime):
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(said, dict):
            found.append(said)
    return found


def _of(said: Mapping[str, Any]) -> Peak:
    """One process's file; sizes that are none count as unseen."""
    highest = _sizes(said.get("highest"))
    parts = said.get("parts")
    sizes = {name: _sizes(it) for name, it in parts.items()} if isinstance(parts, dict) else {}
    shown = "allocated" if "allocated" in highest else "resident"
    return Peak(
        allocated=highest.get("allocated"),
        reserved=highest.get("reserved"),
        resident=highest.get("resident"),
        before=_sizes(said).get("before"),
        parts={name: size[shown] for name, size in sizes.items() if shown in size},
    )


def _sizes(raw: object) -> dict[str, float]:
    """GiB of each entry that is a positive number of bytes."""
    if not isinstance(raw, dict):
        return {}
    return {
        name: round(size / GIB, 4)
        for name, size in raw.items()
        if isinstance(size, int) and not isinstance(size, bool) and size > 0
    }
