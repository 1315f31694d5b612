"""Turns a half-filled sheet, or a finished plan, into a job of the memory formula."""

from __future__ import annotations

from typing import Any

from ftc.memory.job import Job
from ftc.plan import Plan
from ftc.resolve.sheet import Sheet

# Settings that plan and job call by the same name.
_SAME = (
    "stage",
    "method",
    "max_length",
    "packing",
    "dtype",
    "attention",
    "gradient_checkpointing",
    "micro_batch",
    "gradient_accumulation",
    "optimizer",
    "device",
    "gpus",
    "zero_stage",
    "offload_optimizer",
)


def sheet_job(sheet: Sheet, **chosen: Any) -> Job:
    """The job that a sheet describes with what is `chosen` on top, both in the plan's words."""
    return _job({**sheet.values, **chosen})


def plan_job(plan: Plan, **changed: Any) -> Job:
    """The job that a plan describes, for one card, with what is `changed` on top."""
    return _job({**plan.values(), **changed})


def _job(values: dict[str, Any]) -> Job:
    adapter = values["method"] != "full"
    liger = values["liger_kernel"]
    return Job(
        bits=values["quant_bits"],
        rank=values["lora_rank"] if adapter else 0,
        targets=tuple(values["lora_targets"]) if adapter else (),
        dropout=values["lora_dropout"] if adapter else 0.0,
        dora=values["lora_dora"],
        modules_to_save=tuple(values["lora_modules_to_save"]),
        # Full fine-tuning in bf16 trains bf16 weights in both tools (LLaMA-Factory: `pure_bf16`).
        master="bf16" if values["dtype"] == "bf16" else "fp32",
        liger=liger,
        loss="fused" if liger and values["stage"] in ("sft", "pretrain") else "stock",
        eval_batch=values["eval_batch"] if values["eval_rows"] else 0,
        **{name: values[name] for name in _SAME},
    )
