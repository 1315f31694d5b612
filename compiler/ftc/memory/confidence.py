"""How far an estimate may be off, and why: from its errors on the measured runs.

`confidence.toml` beside this file is computed by tools/memory_table.py, never typed.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ftc import kept
from ftc.memory.job import Job
from ftc.memory.measured import Metric
from ftc.memory.shape import Shape

TABLE = Path(__file__).with_name("confidence.toml")
Level = Literal["high", "medium", "low"]
LEVELS: tuple[Level, ...] = ("high", "medium", "low")
HIGH, MEDIUM = 0.1, 0.25  # nine in ten errors are within
TRACED = (
    "traced on a CPU, no measured run; for {n} figures that were held out, "
    "traces were right within {ninety:.0%} nine times in ten"
)
MALLOC = (
    "malloc told to give back what is freed (MALLOC_MMAP_THRESHOLD_); "
    "without it a run took nearly twice as much"
)


class Confidence(NamedTuple):
    """`low` and `high` are factors on the estimate, low <= 1 <= high; `reasons` are sentences."""

    level: Level
    low: float
    high: float
    reasons: tuple[str, ...]


def judge(shape: Shape, job: Job, known: bool, metric: Metric = "needed") -> Confidence:
    """How sure an estimate of `metric` is. `known`: the architecture is in the table of facts."""
    table = _classes()
    name, text = _class(job, metric)
    levels = [_level(table[name]["ninety"])]
    marks = [(name, text)]
    if job.device == "cpu":
        levels.append("low")
    for what in traced(shape, job):
        levels.append("medium")
        marks.append(("traced", f"{what}: {TRACED}"))
    for what in unmeasured(shape, job):
        levels.append("low")
        marks.append(("never compared", f"{what}: no measured run to compare with"))
    if not (known and shape.known):
        levels.append("low")
        marks.append(("unknown architecture", _guesses(shape)))
    rows = [table[name] for name, _ in marks]
    return Confidence(
        level=max(levels, key=LEVELS.index),
        low=min(row["low"] for row in rows),
        high=max(row["high"] for row in rows),
        reasons=tuple(text.format(**table[name]) for name, text in marks),
    )


def _class(job: Job, metric: Metric) -> tuple[str, str]:
    """The rows that a job is like, and the sentence that says how they agree."""
    compared = "{n} measured figures, nine in ten within {ninety:.0%}"
    if job.device == "cpu":
        return "on the CPU", f"on the CPU: {compared}, with {MALLOC}"
    if job.gpus > 1 or job.zero_stage:
        return "several cards", f"several cards, ZeRO-3 and FSDP: {compared}"
    if metric in ("allocated", "needed"):
        return "one card", f"one card: {compared}"
    if job.padding and not job.packing:
        return "one card, varying lengths", f"reserved memory where lengths vary: {compared}"
    return "one card, reserved", f"reserved memory on one card: {compared}"


def _level(ninety: float) -> Level:
    return "high" if ninety <= HIGH else "medium" if ninety <= MEDIUM else "low"


def _guesses(shape: Shape) -> str:
    terms = ", ".join(shape.guessed) or "attention, mlp, norms"
    kind = shape.model_type or "without a name"
    return f"architecture {kind} is not known: {terms} counted by Llama's rules, a guess"


def traced(shape: Shape, job: Job) -> tuple[str, ...]:
    """What a job does that no measured run does, but that was traced with the real code."""
    remarks = {
        "preference losses": job.preference,
        "Liger's kernels": job.liger,
        "Axolotl's kernels for LoRA": job.lora_kernels and not job.full,
        "soft-capped logits": shape.softcap,
    }
    return tuple(text for text, applies in remarks.items() if applies)


def unmeasured(shape: Shape, job: Job) -> tuple[str, ...]:
    """What a job does that was neither measured nor traced."""
    remarks = {
        "8-bit base": job.base_bits == 8,
        f"ZeRO {job.zero_stage}": job.zero_stage in (1, 2),
        "several cards without ZeRO": job.gpus > 1 and not job.zero_stage,
        "optimizer on the host": bool(job.zero_stage and job.offload_optimizer),
        "latent attention": bool(shape.kv_lora_rank),
        "adapters on experts": job.expert_adapters and bool(shape.experts),
        f"a base stored as {shape.quantized}": bool(shape.quantized),
    }
    return tuple(text for text, applies in remarks.items() if applies)


@cache
def _classes() -> dict[str, dict[str, Any]]:
    return kept.table(TABLE)
