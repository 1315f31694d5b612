"""Turns a half-filled sheet, or a finished plan, into a job of the memory formula."""

from __future__ import annotations

from typing import Any

from ftc.memory.job import Job
from ftc.plan import Plan
from ftc.resolve.sheet import Sheet

# Settings that plan and job call by the same name.
_SAME = (
    "method",
    "dtype",
    "attention",
    "gradient_checkpointing",
    "optimizer",
    "device",
    "gpus",
    "offload_optimizer",
)


def job(sheet: Sheet, *, max_length: int, micro_batch: int, accumulation: int) -> Job:
    """The job that a sheet describes by now."""
    values = {"zero_stage": 0, "packing": False, **sheet.values}
    return _job(values, max_length, micro_batch, accumulation)


def plan_job(plan: Plan) -> Job:
    """The job that a plan describes, for one card."""
    return _job(plan.values(), plan.max_length, plan.micro_batch, plan.gradient_accumulation)


def _job(values: dict[str, Any], max_length: int, micro_batch: int, accumulation: int) -> Job:
    adapter = values["method"] != "full"
    return Job(
        max_length=max_length,
        micro_batch=micro_batch,
        gradient_accumulation=accumulation,
        stage=values["stage"],
        bits=values["quant_bits"],
        rank=values["lora_rank"] if adapter else 0,
        targets=tuple(values["lora_targets"]) if adapter else (),
        dropout=values["lora_dropout"] if adapter else 0.0,
        dora=values["lora_dora"],
        modules_to_save=tuple(values["lora_modules_to_save"]),
        packing=values["packing"],
        zero_stage=values["zero_stage"],
        # Full fine-tuning in bf16 trains bf16 weights in both tools (LLaMA-Factory: `pure_bf16`).
        master="bf16" if values["dtype"] == "bf16" else "fp32",
        **{name: values[name] for name in _SAME},
    )
