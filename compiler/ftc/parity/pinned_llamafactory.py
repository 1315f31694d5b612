"""What a comparison on a CPU changes in a LLaMA-Factory config; all else stays as written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftc.parity.override import ADAPTER, SHADOW, Override
from ftc.parity.records import Level

_LOSS: tuple[Level, ...] = ("loss",)
_SMALL = "a random model of the same kind is small enough for a CPU"
_BITS = "no quantisation on a CPU"
_EXACT = "fp32: rounding must not hide a difference"
_CARD = "needs a card"
_SAVING = "nothing is kept of the comparison"
_TRAINING = "the loss of training is compared"
_NOISE = "both tools draw other random numbers"


def _adapted(config: Mapping[str, Any]) -> bool:
    return bool(config.get("finetuning_type", "lora") != "full")


def _eight_bit(config: Mapping[str, Any]) -> bool:
    name = str(config.get("optim", ""))
    return "8bit" in name or "4bit" in name or name.startswith("paged_")


OVERRIDES: tuple[Override, ...] = (
    Override("model_name_or_path", SHADOW, _SMALL),
    Override("model_revision", None, "the shadow model has no revisions"),
    Override(
        "adapter_name_or_path",
        ADAPTER,
        "both tools start from the same adapter",
        where=_adapted,
    ),
    Override("quantization_bit", None, _BITS),
    Override("quantization_method", None, _BITS),
    Override("quantization_type", None, _BITS),
    Override("double_quantization", None, _BITS),
    Override("use_cpu", True, "a comparison needs no card"),
    Override("bf16", False, _EXACT),
    Override("fp16", False, _EXACT),
    Override("pure_bf16", None, _EXACT),
    Override("tf32", None, _CARD),
    Override("flash_attn", "sdpa", "runs on a CPU, too"),
    Override("enable_liger_kernel", False, _CARD, present=True),
    Override("use_unsloth", False, _CARD, present=True),
    Override("deepspeed", None, "one process is enough for a small model"),
    Override("fsdp", None, "one process is enough for a small model"),
    Override("ddp_timeout", None, "one process is enough for a small model"),
    Override("disable_gradient_checkpointing", True, "a small model has room"),
    Override("disable_shuffling", True, "both tools read the rows in the file's order"),
    Override("preprocessing_num_workers", None, "one process is enough for the rows"),
    Override("output_dir", "output", _SAVING),
    Override("overwrite_output_dir", True, _SAVING),
    Override("resume_from_checkpoint", None, "a comparison starts at the first step"),
    Override("save_strategy", "no", _SAVING),
    Override("save_steps", None, _SAVING),
    Override("load_best_model_at_end", False, _SAVING),
    Override("push_to_hub", False, _SAVING, present=True),
    Override("plot_loss", False, _SAVING),
    Override("report_to", "none", _SAVING),
    Override("disable_tqdm", True, "progress is told in another way"),
    Override("eval_strategy", "no", _TRAINING),
    Override("eval_steps", None, _TRAINING),
    Override("eval_on_start", False, _TRAINING),
    Override("optim", "adamw_torch", _CARD, where=_eight_bit),
    Override("lora_dropout", 0.0, _NOISE, levels=_LOSS, where=_adapted),
    Override("pissa_init", False, "the adapter is there already", levels=_LOSS, present=True),
    Override("neftune_noise_alpha", None, _NOISE, levels=_LOSS),
)
