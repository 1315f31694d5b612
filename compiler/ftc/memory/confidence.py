"""How far an estimate may be off, and why: from its errors on the measured runs.

`confidence.toml` beside this file is computed by tools/memory_table.py, never typed.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ftc import kept
from ftc.memory.job import Job
from ftc.memory.shape import Shape

TABLE = Path(__file__).with_name("confidence.toml")
Level = Literal["high", "medium", "low"]
LEVELS: tuple[Level, ...] = ("high", "medium", "low")


class Confidence(NamedTuple):
    """`low` and `high` are factors on the estimate, low <= 1 <= high; `reasons` are sentences."""

    level: Level
    low: float
    high: float
    reasons: tuple[str, ...]


def judge(shape: Shape, job: Job, known: bool) -> Confidence:
    """How sure an estimate is. `known`: the architecture is in the table of facts."""
    marks = _marks(shape, job, known)
    table = _classes()
    found = [table[name] for name, _, _ in marks]
    level = max((level for _, level, _ in marks), key=LEVELS.index)
    return Confidence(
        level=level,
        low=min(row["low"] for row in found),
        high=max(row["high"] for row in found),
        reasons=tuple(text.format(**table[name]) for name, _, text in marks),
    )


def _marks(shape: Shape, job: Job, known: bool) -> list[tuple[str, Level, str]]:
    """The classes of residuals that a job belongs to, with the level and the reason of each."""
    compared = "compared with {n} published runs of this kind, nine in ten within {ninety:.0%}"
    marks: list[tuple[str, Level, str]] = []
    if job.gpus > 1 or job.zero_stage:
        marks.append(("several cards", "medium", f"several cards: {compared}"))
    else:
        marks.append(("one card", "high", f"one card: {compared}"))
    for text in unmeasured(shape, job):
        marks.append(("unmeasured", "low", f"{text}: never compared with a run"))
    if not known:
        text = f"unknown architecture {shape.model_type!r}: its block is taken for Llama's"
        marks.append(("unknown architecture", "low", text))
    return marks


def unmeasured(shape: Shape, job: Job) -> tuple[str, ...]:
    """What a job does that no measured run does."""
    remarks = {
        "preference losses": job.preference,
        "DoRA": job.dora and not job.full,
        "8-bit base": job.base_bits == 8,
        f"ZeRO {job.zero_stage}": job.zero_stage in (1, 2),
        "several cards without ZeRO": job.gpus > 1 and not job.zero_stage,
        "optimizer on the host": bool(job.zero_stage and job.offload_optimizer),
        "a run on the CPU": job.device == "cpu",
        "mixture of experts": bool(shape.experts),
        "soft-capped logits": shape.softcap,
    }
    return tuple(text for text, applies in remarks.items() if applies)


@cache
def _classes() -> dict[str, dict[str, Any]]:
    return kept.table(TABLE)
