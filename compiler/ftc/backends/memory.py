"""The memory job of one backend's config: the plan's, with what the config itself says on top.

The two tools are made to train alike, so their jobs differ only where a native key of the recipe
says so, or where a tool cannot do otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from ftc import backends
from ftc.backends.base import Native
from ftc.memory.job import Job, Loss
from ftc.plan import Plan
from ftc.resolve.memory import plan_job

UNTOLD = ("device", "stage", "lora_targets")  # a config tells them less exactly than the plan
LORA_KERNELS = ("lora_qkv_kernel", "lora_o_kernel", "lora_mlp_kernel")
CUT_CROSS_ENTROPY = "axolotl.integrations.cut_cross_entropy.CutCrossEntropyPlugin"


def job(plan: Plan, backend: str, version: str, config: Native) -> Job:
    """The job for one card that `config`, written by `backend` for `plan`, describes."""
    told = backends.get(backend).read(config, version)
    changed = {name: value for name, value in told.items() if name not in UNTOLD}
    return _OWN[backend](plan_job(plan, **changed), plan, config)


def _axolotl(job: Job, plan: Plan, config: Native) -> Job:
    fused = config.get("liger_fused_linear_cross_entropy") or (
        CUT_CROSS_ENTROPY in (config.get("plugins") or [])
        and config.get("cut_cross_entropy") is not False
    )
    kernels = any(config.get(key) for key in ("liger_rms_norm", "liger_glu_activation"))
    loss: Loss = "fused" if fused and plan.stage in ("sft", "pretrain") else "stock"
    return replace(
        job,
        loss=loss,
        liger=bool(kernels),
        packing=bool(config.get("sample_packing")),
        lora_kernels=all(config.get(key) for key in LORA_KERNELS),
        experts_quantized=bool(config.get("quantize_moe_experts")),
    )


def _llamafactory(job: Job, plan: Plan, config: Native) -> Job:
    packing = bool(config.get("packing") or config.get("neat_packing"))
    pure = config.get("pure_bf16")
    if job.full and pure is False and job.dtype == "bf16":
        job = replace(job, master="fp32")  # trained weights are upcast
    upcast = job.modules_to_save and not pure  # as all that is trained
    saved: Literal["fp32", "bf16"] = "fp32" if upcast else "bf16"
    return replace(job, packing=packing, saved_dtype=saved)


_OWN: dict[str, Callable[[Job, Plan, Native], Job]] = {
    "axolotl": _axolotl,
    "llamafactory": _llamafactory,
}
