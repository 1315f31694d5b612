"""What a comparison on a CPU changes in an Axolotl config; all else stays as it was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftc.backends.axolotl_keys import LIGER_KEYS, LIGER_PLUGIN, OWN_PLUGIN
from ftc.parity.override import ADAPTER, SHADOW, Override
from ftc.parity.records import Level

_LOSS: tuple[Level, ...] = ("loss",)
_CARD = "needs a card"
_SMALL = "a random model of the same kind is small enough for a CPU"
_SAVING = "nothing is kept of the comparison"
_NOISE = "both tools draw other random numbers"
# Axolotl has them on for LoRA when no key says otherwise.
_KERNELS = ("lora_mlp_kernel", "lora_qkv_kernel", "lora_o_kernel", "lora_embedding_kernel")


def _adapted(config: Mapping[str, Any]) -> bool:
    return config.get("adapter") is not None


def _liger(config: Mapping[str, Any]) -> bool:
    return LIGER_PLUGIN in (config.get("plugins") or [])


def _quantised(config: Mapping[str, Any]) -> bool:
    return config.get("adapter") == "qlora"


def _eight_bit(config: Mapping[str, Any]) -> bool:
    name = str(config.get("optimizer", ""))
    return "8bit" in name or "4bit" in name or name.startswith("paged_")


def _counted(config: Mapping[str, Any]) -> bool:
    return bool(config.get("max_steps"))


OVERRIDES: tuple[Override, ...] = (
    Override("base_model", SHADOW, _SMALL),
    Override("base_model_config", None, _SMALL),
    Override("revision_of_model", None, "the shadow model has no revisions"),
    Override("lora_model_dir", ADAPTER, "both tools start from the same adapter", where=_adapted),
    Override("adapter", "lora", "no quantisation on a CPU", where=_quantised),
    Override("load_in_4bit", False, "no quantisation on a CPU", present=True),
    Override("load_in_8bit", False, "no quantisation on a CPU", present=True),
    Override("bnb_config_kwargs", None, "no quantisation on a CPU"),
    Override("bf16", False, "fp32: rounding must not hide a difference"),
    Override("fp16", False, "fp32: rounding must not hide a difference"),
    Override("tf32", False, _CARD),
    Override("attn_implementation", "sdpa", "runs on a CPU, too"),
    Override("flash_attention", None, _CARD),
    Override("torch_compile", None, "compiling takes longer than training a small model"),
    *(Override(key, False, _CARD, where=_adapted) for key in _KERNELS),
    Override("plugins", [OWN_PLUGIN], _CARD, where=_liger),
    *(Override(key, None, _CARD) for key in LIGER_KEYS),
    Override("deepspeed", None, "one process is enough for a small model"),
    Override("fsdp_config", None, "one process is enough for a small model"),
    Override("shuffle_merged_datasets", False, "both tools read the rows in the file's order"),
    Override("curriculum_sampling", True, "both tools read the rows in the file's order"),
    Override("save_strategy", "no", _SAVING),
    Override("save_steps", None, _SAVING),
    Override("load_best_model_at_end", False, _SAVING),
    Override("eval_strategy", "no", "the loss of training is compared"),
    Override("eval_steps", None, "the loss of training is compared"),
    Override(
        "num_epochs",
        1_000_000,
        "a share of the rows is trained on: max_steps alone says where the schedule ends",
        levels=_LOSS,
        where=_counted,
    ),
    Override("lora_dropout", 0.0, _NOISE, levels=_LOSS, where=_adapted),
    Override("neftune_noise_alpha", None, _NOISE, levels=_LOSS),
    Override("optimizer", "adamw_torch", _CARD, where=_eight_bit),
)

# What no key of the config says, and the script inside does.
BEYOND: tuple[tuple[str, str], ...] = (
    ("prepared rows", "made anew: Axolotl's cache ignores what is in the files"),
    ("preference rows", "in the file's order: TRL's trainers do not read curriculum_sampling"),
    ("eval_on_start", "off: Axolotl 0.19.0 evaluates first, whatever eval_strategy says"),
    ("adapter of dpo and kto", "its weights are put in: TRL makes the adapter, not lora_model_dir"),
)
