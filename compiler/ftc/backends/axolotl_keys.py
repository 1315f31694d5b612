"""Axolotl's keys for the model, the method, the precision and the optimisation, one line each.

What a key of 0.19.0 and 0.21.0 does was read in their schemas and builders; the data keys stand in
`axolotl_data`.
"""

from __future__ import annotations

from typing import Any

from ftc.backends.base import (
    PREFERENCE,
    Key,
    Native,
    adapted,
    at_least,
    fixed,
    mapped,
    optional,
    same,
    whole,
)
from ftc.plan import Plan

OWN_PLUGIN = "ftc_axolotl.FtcPlugin"
LIGER_PLUGIN = "axolotl.integrations.liger.LigerPlugin"
# Together what LLaMA-Factory's one key switches on: every default of liger-kernel for a model type.
LIGER_KEYS = (
    "liger_rope",
    "liger_rms_norm",
    "liger_glu_activation",
    "liger_fused_linear_cross_entropy",
)


def _preference(plan: Plan, version: str) -> bool:
    return plan.stage in PREFERENCE


def _write_adapter(plan: Plan, version: str) -> dict[str, Any]:
    # `adapter: lora` with load_in_4bit is not quantised at all, `adapter: qlora` refuses 8 bit.
    adapter = {"full": None, "lora": "lora", "qlora": "qlora" if plan.quant_bits == 4 else "lora"}
    return {"adapter": adapter[plan.method]}


def _read_adapter(config: Native) -> dict[str, Any]:
    if config.get("adapter") is None:
        return {"method": "full"}
    return {"method": "qlora" if _bits(config) else "lora"}


def _bits(config: Native) -> int:
    if config.get("adapter") == "qlora":
        return 4
    return 8 if config.get("adapter") is not None and config.get("load_in_8bit") else 0


def _names(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _four_bit(plan: Plan, version: str) -> bool:
    return plan.quant_bits == 4


def _lora_plus(plan: Plan, version: str) -> bool:
    return plan.loraplus_lr_ratio is not None


MODEL: tuple[Key, ...] = (
    same("base_model", "model"),
    optional("revision_of_model", "model_revision"),
    fixed("trust_remote_code", False, "no code from the hub is run"),
    Key(
        ("plugins",),
        (),
        lambda plan, version: {"plugins": [OWN_PLUGIN, *([LIGER_PLUGIN] * plan.liger_kernel)]},
        lambda config: {},
        why="ftc's seeds before the adapter is made, allows bf16 on a CPU, writes metrics",
    ),
    same("seed", "seed"),
    fixed(
        "full_determinism",
        False,
        "off in both tools",
        when=lambda plan, version: at_least(version, "0.21.0"),
    ),
)

METHOD: tuple[Key, ...] = (
    Key(("adapter",), ("method",), _write_adapter, _read_adapter),
    Key(
        ("load_in_4bit", "load_in_8bit"),
        ("quant_bits",),
        lambda plan, version: {
            "load_in_4bit": plan.quant_bits == 4,
            "load_in_8bit": plan.quant_bits == 8,
        },
        lambda config: {"quant_bits": _bits(config)},
    ),
    fixed(
        "bnb_config_kwargs",
        {"bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True},
        "nf4 with double quantisation, as in the QLoRA paper",
        when=_four_bit,
    ),
    same("lora_r", "lora_rank", when=adapted, absent=None),
    mapped("lora_alpha", "lora_alpha", whole, whole, when=adapted, absent=None),
    same("lora_dropout", "lora_dropout", when=adapted, absent=None),
    mapped("lora_target_modules", "lora_targets", list, _names, when=adapted, absent=()),
    mapped(
        "lora_modules_to_save",
        "lora_modules_to_save",
        list,
        _names,
        when=lambda plan, version: bool(plan.lora_modules_to_save),
        absent=(),
    ),
    mapped("peft_use_dora", "lora_dora", bool, bool, when=adapted, absent=False),
    mapped("peft_use_rslora", "lora_rslora", bool, bool, when=adapted, absent=False),
    optional("loraplus_lr_ratio", "loraplus_lr_ratio"),
    fixed("loraplus_lr_embedding", 1e-6, "the same in both tools", when=_lora_plus),
    *(
        fixed(kernel, False, "on by default; the other tool has none", when=adapted)
        for kernel in (
            "lora_mlp_kernel",
            "lora_qkv_kernel",
            "lora_o_kernel",
            "lora_embedding_kernel",
        )
    ),
)

PRECISION: tuple[Key, ...] = (
    Key(
        ("bf16", "fp16"),
        ("dtype",),
        lambda plan, version: {"bf16": plan.dtype == "bf16", "fp16": plan.dtype == "fp16"},
        lambda config: {
            "dtype": "bf16"
            if config.get("bf16") is True
            else "fp16"
            if config.get("fp16")
            else "fp32"
        },
    ),
    same("tf32", "tf32"),
    same("attn_implementation", "attention"),
    same("gradient_checkpointing", "gradient_checkpointing"),
    Key(
        LIGER_KEYS,
        ("liger_kernel",),
        lambda plan, version: dict.fromkeys(LIGER_KEYS, True) if plan.liger_kernel else {},
        lambda config: {"liger_kernel": all(config.get(key) for key in LIGER_KEYS)},
        why="all of Liger's kernels or none, as in the other tool",
    ),
    fixed(
        "gradient_checkpointing_kwargs",
        {"use_reentrant": False},
        "the default differs between versions and tools",
        when=lambda plan, version: plan.gradient_checkpointing,
    ),
    fixed(
        "deepspeed",
        "deepspeed.json",
        "the ZeRO stage stands in that file",
        when=lambda plan, version: plan.zero_stage > 0,
    ),
)


FLOORED = "cosine_with_min_lr"  # the name that both tools take from transformers


def _floored(plan: Plan) -> bool:
    return plan.lr_scheduler == "cosine" and plan.min_lr_ratio is not None


def _read_scheduler(config: Native) -> dict[str, Any]:
    name = config.get("lr_scheduler", "cosine")
    return {"lr_scheduler": "cosine" if name == FLOORED else name}


def _read_floor(config: Native) -> dict[str, Any]:
    kwargs = config.get("lr_scheduler_kwargs") or {}
    return {"min_lr_ratio": kwargs.get("min_lr_rate", config.get("cosine_min_lr_ratio"))}


OPTIMISATION: tuple[Key, ...] = (
    same("learning_rate", "learning_rate"),
    same("optimizer", "optimizer"),
    same("adam_beta1", "adam_beta1"),
    same("adam_beta2", "adam_beta2"),
    same("adam_epsilon", "adam_epsilon"),
    same("weight_decay", "weight_decay"),
    same("max_grad_norm", "max_grad_norm"),
    optional("neftune_noise_alpha", "neftune_alpha"),
    Key(
        ("lr_scheduler",),
        ("lr_scheduler",),
        lambda plan, v: {"lr_scheduler": FLOORED if _floored(plan) else plan.lr_scheduler},
        _read_scheduler,
    ),
    Key(
        ("lr_scheduler_kwargs",),
        ("min_lr_ratio",),
        lambda plan, version: (
            {"lr_scheduler_kwargs": {"min_lr_rate": plan.min_lr_ratio}} if _floored(plan) else {}
        ),
        _read_floor,
    ),
    same("warmup_steps", "warmup_steps"),
    same("num_epochs", "epochs"),
    same("max_steps", "max_steps"),
    same("micro_batch_size", "micro_batch"),
    same("gradient_accumulation_steps", "gradient_accumulation"),
)


LOOP: tuple[Key, ...] = (
    Key(
        ("eval_strategy", "eval_steps"),
        ("eval_steps",),
        lambda plan, version: (
            {"eval_strategy": "steps", "eval_steps": plan.eval_steps}
            if plan.eval_steps
            else {"eval_strategy": "no"}
        ),
        lambda config: {"eval_steps": config.get("eval_steps") or 0},
    ),
    fixed(
        "eval_on_start",
        False,
        "0.19.0 always evaluates before the first step",
        when=lambda plan, version: at_least(version, "0.21.0"),
    ),
    same("eval_batch_size", "eval_batch"),
    fixed("save_strategy", "steps", "by whole steps, never by shares of an epoch"),
    same("save_steps", "save_steps"),
    same("save_total_limit", "save_total_limit"),
    fixed("save_only_model", False, "a stopped run can go on from its last checkpoint"),
    same("load_best_model_at_end", "load_best"),
    same("logging_steps", "logging_steps"),
    fixed("output_dir", "output", "inside the run folder"),
    fixed("use_wandb", False, "nothing is reported to a server"),
    fixed("dataloader_num_workers", 0, "rows come in the same order in every run"),
    fixed(
        "ddp_timeout", 7200, "preparing much data may take long", when=lambda plan, v: plan.gpus > 1
    ),
)


def _write_loss(plan: Plan, version: str) -> dict[str, Any]:
    named = plan.stage == "dpo" and plan.preference_loss is not None
    return {"dpo_loss_type": [plan.preference_loss]} if named else {}


def _read_loss(config: Native) -> dict[str, Any]:
    names = config.get("dpo_loss_type") or [None]
    return {"preference_loss": names[0]}


PREFERENCES: tuple[Key, ...] = (
    optional("rl_beta", "preference_beta", when=_preference),
    Key(("dpo_loss_type",), ("preference_loss",), _write_loss, _read_loss),
    optional("kto_desirable_weight", "desirable_weight", when=_preference),
    optional("kto_undesirable_weight", "undesirable_weight", when=_preference),
)
