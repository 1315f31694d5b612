"""LLaMA-Factory's keys for the model, the method, the precision and the optimisation.

What a key of 0.9.5 does was read in its argument classes and in transformers 5.6's; the data keys
stand in `llamafactory_data`. A value keeps its type: this tool's parser turns no text into numbers.
"""

from __future__ import annotations

from typing import Any

from ftc.backends import llamafactory_values as values
from ftc.backends.base import PREFERENCE, Key, adapted, fixed, mapped, same, whole
from ftc.backends.llamafactory_data import ready
from ftc.backends.llamafactory_values import (
    ATTENTION,
    BY_LOSS,
    FLOORED,
    STAGES,
    number,
    some_number,
    told,
    unsaid,
)
from ftc.plan import Plan


def _write_stage(plan: Plan, version: str) -> dict[str, Any]:
    # The stage `pt` makes labels of its own, and none where eos is the padding too; ftc's are kept
    # by the stage `sft`.
    stage = "sft" if ready(plan, version) else STAGES.get(plan.stage, plan.stage)
    return {"stage": stage, "do_train": True}


def _write_loss(plan: Plan, version: str) -> dict[str, Any]:
    named = plan.stage == "dpo" and plan.preference_loss is not None
    return {"pref_loss": plan.preference_loss} if named else {}


def _write_bits(plan: Plan, version: str) -> dict[str, Any]:
    if not plan.quant_bits:
        return {}
    return {"quantization_bit": plan.quant_bits, "quantization_method": "bnb"}


def _write_kind(plan: Plan, version: str) -> dict[str, Any]:
    if plan.quant_bits != 4:
        return {}
    return {"quantization_type": "nf4", "double_quantization": True}


def _write_by_loss(plan: Plan, version: str) -> dict[str, Any]:
    return {"pref_loss": plan.stage} if plan.stage in BY_LOSS else {}


def _lora_plus(plan: Plan, version: str) -> bool:
    return plan.loraplus_lr_ratio is not None


MODEL: tuple[Key, ...] = (
    unsaid(
        model_revision=None,
        device="gpu",
        lora_alpha=None,
        min_lr_ratio=None,
        preference_loss=None,
    ),
    same("model_name_or_path", "model"),
    Key(
        ("model_revision",),
        ("model_revision",),
        lambda plan, version: {"model_revision": plan.model_revision or "main"},
        values.revision,
    ),
    fixed("trust_remote_code", False, "no code from the hub is run"),
    Key(
        ("pref_loss",),
        ("stage",),
        _write_by_loss,
        lambda config: {},
        why="to this tool ORPO is a loss of the stage dpo",
    ),
    Key(("stage", "do_train"), ("stage",), _write_stage, values.stage),
    same("seed", "seed"),
    Key(("data_seed",), ("seed",), lambda plan, v: {"data_seed": plan.seed}, values.seed),
    fixed("full_determinism", False, "off in both tools"),
)

METHOD: tuple[Key, ...] = (
    Key(("quantization_bit", "quantization_method"), ("quant_bits",), _write_bits, values.bits),
    Key(
        ("quantization_type", "double_quantization"),
        ("quant_bits",),
        _write_kind,
        lambda config: {},
    ),
    Key(
        ("finetuning_type",),
        ("method",),
        lambda plan, v: {"finetuning_type": "full" if plan.method == "full" else "lora"},
        values.method,
    ),
    fixed(
        "upcast_layernorm",
        False,
        "norms stay in the compute type, as in the other tool",
        when=lambda plan, version: plan.quant_bits > 0,
    ),
    number("lora_rank", "lora_rank", when=adapted, absent=None),
    told("lora_rank", "lora_alpha", values.alpha),
    Key(
        ("lora_alpha",),
        ("lora_alpha",),
        lambda plan, v: {"lora_alpha": whole(plan.lora_alpha)} if adapted(plan, v) else {},
        values.alpha,
    ),
    number("lora_dropout", "lora_dropout", when=adapted, absent=None),
    mapped(
        "lora_target", "lora_targets", values.target_text, values.targets, when=adapted, absent=()
    ),
    mapped(
        "additional_target",
        "lora_modules_to_save",
        ",".join,
        values.names,
        when=lambda plan, version: bool(plan.lora_modules_to_save),
        absent=(),
    ),
    mapped("use_dora", "lora_dora", bool, bool, when=adapted, absent=False),
    mapped("use_rslora", "lora_rslora", bool, bool, when=adapted, absent=False),
    fixed("pissa_init", False, "plain LoRA initialisation", when=adapted),
    some_number("loraplus_lr_ratio", "loraplus_lr_ratio"),
    fixed("loraplus_lr_embedding", 1e-6, "the same in both tools", when=_lora_plus),
)


_ATTENTION = {word: native for native, word in ATTENTION.items()}


def _pure(plan: Plan, version: str) -> dict[str, Any]:
    # Refused on a CPU and with ZeRO-3, which keeps its own fp32 copy.
    wanted = plan.dtype == "bf16" and plan.device == "gpu" and plan.zero_stage < 3
    return {} if plan.method != "full" else {"pure_bf16": wanted}


PRECISION: tuple[Key, ...] = (
    Key(
        ("bf16", "fp16"),
        ("dtype",),
        lambda plan, version: {"bf16": plan.dtype == "bf16", "fp16": plan.dtype == "fp16"},
        values.dtype,
    ),
    Key(
        ("pure_bf16",),
        (),
        _pure,
        lambda config: {},
        why="bf16 weights are trained as they are, as in the other tool",
    ),
    told("pure_bf16", "dtype", values.pure),
    same("tf32", "tf32"),
    Key(
        ("use_cpu",),
        ("device",),
        lambda plan, version: {"use_cpu": plan.device == "cpu"},
        values.device,
    ),
    Key(
        ("flash_attn",),
        ("attention",),
        lambda plan, version: {"flash_attn": _ATTENTION.get(plan.attention, plan.attention)},
        values.attention,
    ),
    mapped(
        "disable_gradient_checkpointing",
        "gradient_checkpointing",
        lambda on: not on,
        lambda off: not off,
    ),
    told("gradient_checkpointing", "gradient_checkpointing", values.checkpointing),
    fixed("use_reentrant_gc", False, "as in the other tool"),
    same("enable_liger_kernel", "liger_kernel"),
    told("use_liger_kernel", "liger_kernel", values.liger),
    fixed(
        "average_tokens_across_devices",
        False,
        "the other tool averages on each card by itself",
        when=lambda plan, version: plan.gpus > 1,
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
    number("learning_rate", "learning_rate"),
    same("optim", "optimizer"),
    number("adam_beta1", "adam_beta1"),
    number("adam_beta2", "adam_beta2"),
    number("adam_epsilon", "adam_epsilon"),
    number("weight_decay", "weight_decay"),
    number("max_grad_norm", "max_grad_norm"),
    some_number("neftune_noise_alpha", "neftune_alpha"),
    Key(
        ("lr_scheduler_type",),
        ("lr_scheduler",),
        lambda plan, v: {"lr_scheduler_type": FLOORED if _floored(plan) else plan.lr_scheduler},
        values.scheduler,
    ),
    Key(
        ("lr_scheduler_kwargs",),
        ("min_lr_ratio",),
        lambda plan, version: (
            {"lr_scheduler_kwargs": {"min_lr_rate": plan.min_lr_ratio}} if _floored(plan) else {}
        ),
        values.floor,
    ),
    Key(
        ("warmup_steps",),
        ("warmup_steps",),
        lambda plan, version: {"warmup_steps": plan.warmup_steps},
        values.warmup,
    ),
    number("num_train_epochs", "epochs"),
    Key(
        ("max_steps",),
        ("max_steps",),
        lambda plan, version: {"max_steps": plan.max_steps},
        values.limit,
    ),
    number("per_device_train_batch_size", "micro_batch"),
    number("gradient_accumulation_steps", "gradient_accumulation"),
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
        values.evaluations,
    ),
    fixed("eval_on_start", False, "as in the other tool"),
    number("per_device_eval_batch_size", "eval_batch"),
    fixed("save_strategy", "steps", "by whole steps, never by shares of an epoch"),
    told("save_strategy", "save_steps", values.saves),
    Key(
        ("save_steps",),
        ("save_steps",),
        lambda plan, version: {"save_steps": plan.save_steps},
        values.saves,
    ),
    number("save_total_limit", "save_total_limit"),
    fixed("save_only_model", False, "a stopped run can go on from its last checkpoint"),
    same("load_best_model_at_end", "load_best"),
    number("logging_steps", "logging_steps"),
    fixed("output_dir", "output", "inside the run folder"),
    fixed("overwrite_output_dir", True, "an old checkpoint is never resumed in silence"),
    fixed("plot_loss", False, "the numbers are in output/trainer_log.jsonl"),
    fixed("report_to", "none", "nothing is reported to a server"),
    fixed("dataloader_num_workers", 0, "rows come in the same order in every run"),
    fixed(
        "ddp_timeout", 7200, "preparing much data may take long", when=lambda plan, v: plan.gpus > 1
    ),
)


def _preference(plan: Plan, version: str) -> bool:
    return plan.stage in (*PREFERENCE, "simpo")  # no recipe has simpo, but both tools do


PREFERENCES: tuple[Key, ...] = (
    Key(("pref_loss",), ("preference_loss",), _write_loss, values.loss),
    some_number("pref_beta", "preference_beta", _preference),
    fixed(
        "pref_ftx",
        0.0,
        "no part of plain fine-tuning in the loss",
        when=lambda plan, version: plan.stage in ("dpo", "kto"),
    ),
    some_number("kto_chosen_weight", "desirable_weight", _preference),
    some_number("kto_rejected_weight", "undesirable_weight", _preference),
)
