"""Axolotl's keys for the model, the method, the precision and the optimisation, one line each.

What a key of 0.19.0 and 0.21.0 does was read in their schemas and builders; the data keys stand in
`axolotl_data`.
"""

from __future__ import annotations

from typing import Any

from ftc.backends import axolotl_values as values
from ftc.backends.axolotl_values import ALL_LINEAR, ATTENTION_FLAGS, FLOORED
from ftc.backends.base import (
    PREFERENCE,
    Key,
    Native,
    adapted,
    at_least,
    fixed,
    mapped,
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
    return plan.stage in (*PREFERENCE, "simpo")  # no recipe has simpo, but both tools do


def _write_adapter(plan: Plan, version: str) -> dict[str, Any]:
    # `adapter: lora` with load_in_4bit is not quantised at all, `adapter: qlora` refuses 8 bit.
    adapter = {"full": None, "lora": "lora", "qlora": "qlora" if plan.quant_bits == 4 else "lora"}
    return {"adapter": adapter[plan.method]}


def _write_targets(plan: Plan, version: str) -> dict[str, Any]:
    if not adapted(plan, version):
        return {}
    if plan.lora_targets == (ALL_LINEAR,):  # in a list PEFT would look for a module of that name
        return {"lora_target_linear": True}
    return {"lora_target_modules": list(plan.lora_targets)}


def _read_liger(config: Native) -> dict[str, Any]:
    on = [bool(config.get(key)) for key in LIGER_KEYS]
    return {"liger_kernel": all(on)} if all(on) or not any(on) else {}


def _four_bit(plan: Plan, version: str) -> bool:
    return plan.quant_bits == 4


def _lora_plus(plan: Plan, version: str) -> bool:
    return plan.loraplus_lr_ratio is not None


MODEL: tuple[Key, ...] = (
    same("base_model", "model"),
    values.renamed(
        mapped(
            "revision_of_model",
            "model_revision",
            values.itself,
            values.itself,
            when=lambda plan, version: plan.model_revision is not None,
            absent=None,
        ),
        ("model_revision",),
    ),
    fixed("trust_remote_code", False, "no code from the hub is run"),
    Key(
        ("plugins",),
        (),
        lambda plan, version: {"plugins": [OWN_PLUGIN, *([LIGER_PLUGIN] * plan.liger_kernel)]},
        lambda config: {},
        why="ftc's seeds before the adapter is made, allows bf16 on a CPU, writes metrics",
    ),
    values.counted("seed", "seed"),
    fixed(
        "full_determinism",
        False,
        "off in both tools",
        when=lambda plan, version: at_least(version, "0.21.0"),
    ),
)

METHOD: tuple[Key, ...] = (
    Key(("adapter",), ("method",), _write_adapter, values.method),
    Key(
        ("load_in_4bit", "load_in_8bit"),
        ("quant_bits",),
        lambda plan, version: {
            "load_in_4bit": plan.quant_bits == 4,
            "load_in_8bit": plan.quant_bits == 8,
        },
        values.quantised,
    ),
    fixed(
        "bnb_config_kwargs",
        {"bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True},
        "nf4 with double quantisation, as in the QLoRA paper",
        when=_four_bit,
    ),
    values.counted("lora_r", "lora_rank", when=adapted, absent=None),
    mapped("lora_alpha", "lora_alpha", whole, values.count, when=adapted, absent=None),
    values.numeric("lora_dropout", "lora_dropout", when=adapted, absent=None),
    Key(
        ("lora_target_modules", "lora_target_linear"),
        ("lora_targets",),
        _write_targets,
        values.targets,
    ),
    mapped(
        "lora_modules_to_save",
        "lora_modules_to_save",
        list,
        values.names,
        when=lambda plan, version: bool(plan.lora_modules_to_save),
        absent=(),
    ),
    mapped("peft_use_dora", "lora_dora", bool, values.truth, when=adapted, absent=False),
    mapped("peft_use_rslora", "lora_rslora", bool, values.truth, when=adapted, absent=False),
    values.given("loraplus_lr_ratio", "loraplus_lr_ratio"),
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
        ("bf16", "fp16", "bfloat16", "float16"),
        ("dtype",),
        lambda plan, version: {"bf16": plan.dtype == "bf16", "fp16": plan.dtype == "fp16"},
        values.precision,
    ),
    mapped("tf32", "tf32", values.itself, lambda value: value == "auto" or values.truth(value)),
    Key(
        ("attn_implementation", *ATTENTION_FLAGS),
        ("attention",),
        lambda plan, version: {"attn_implementation": plan.attention},
        values.attention,
    ),
    Key(
        ("gradient_checkpointing",),
        ("gradient_checkpointing",),
        lambda plan, version: {"gradient_checkpointing": plan.gradient_checkpointing},
        values.checkpointing,
    ),
    Key(
        LIGER_KEYS,
        ("liger_kernel",),
        lambda plan, version: dict.fromkeys(LIGER_KEYS, True) if plan.liger_kernel else {},
        _read_liger,
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


def _floored(plan: Plan) -> bool:
    return plan.lr_scheduler == "cosine" and plan.min_lr_ratio is not None


OPTIMISATION: tuple[Key, ...] = (
    values.numeric("learning_rate", "learning_rate"),
    same("optimizer", "optimizer"),
    values.numeric("adam_beta1", "adam_beta1"),
    values.numeric("adam_beta2", "adam_beta2"),
    values.numeric("adam_epsilon", "adam_epsilon"),
    values.numeric("weight_decay", "weight_decay"),
    values.numeric("max_grad_norm", "max_grad_norm"),
    values.given("neftune_noise_alpha", "neftune_alpha", ("noisy_embedding_alpha",)),
    Key(
        ("lr_scheduler",),
        ("lr_scheduler",),
        lambda plan, v: {"lr_scheduler": FLOORED if _floored(plan) else plan.lr_scheduler},
        values.scheduler,
    ),
    Key(
        ("lr_scheduler_kwargs", "cosine_min_lr_ratio"),
        ("min_lr_ratio",),
        lambda plan, version: (
            {"lr_scheduler_kwargs": {"min_lr_rate": plan.min_lr_ratio}} if _floored(plan) else {}
        ),
        values.floor,
    ),
    values.counted("warmup_steps", "warmup_steps"),
    values.numeric("num_epochs", "epochs"),
    Key(
        ("max_steps",),
        ("max_steps",),
        lambda plan, version: {"max_steps": plan.max_steps},
        values.steps,
    ),
    values.counted("micro_batch_size", "micro_batch"),
    values.counted("gradient_accumulation_steps", "gradient_accumulation"),
)


LOOP: tuple[Key, ...] = (
    Key(
        ("eval_strategy", "eval_steps", "evaluation_strategy"),
        ("eval_steps",),
        lambda plan, version: (
            {"eval_strategy": "steps", "eval_steps": plan.eval_steps}
            if plan.eval_steps
            else {"eval_strategy": "no"}
        ),
        values.evaluations,
    ),
    fixed(
        "eval_on_start",
        False,
        "0.19.0 always evaluates before the first step",
        when=lambda plan, version: at_least(version, "0.21.0"),
    ),
    values.counted("eval_batch_size", "eval_batch"),
    fixed("save_strategy", "steps", "by whole steps, never by shares of an epoch"),
    Key(("save_strategy",), ("save_steps",), lambda plan, version: {}, values.saves),
    values.numeric("save_steps", "save_steps"),
    values.counted("save_total_limit", "save_total_limit"),
    fixed("save_only_model", False, "a stopped run can go on from its last checkpoint"),
    mapped("load_best_model_at_end", "load_best", values.itself, values.truth),
    values.counted("logging_steps", "logging_steps"),
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


PREFERENCES: tuple[Key, ...] = (
    values.given("rl_beta", "preference_beta", ("dpo_beta", "orpo_alpha"), _preference),
    Key(("dpo_loss_type",), ("preference_loss",), _write_loss, values.loss),
    values.given("kto_desirable_weight", "desirable_weight", when=_preference),
    values.given("kto_undesirable_weight", "undesirable_weight", when=_preference),
)
