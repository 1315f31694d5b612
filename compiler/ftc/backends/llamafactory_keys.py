"""LLaMA-Factory's keys for the model, the method, the precision and the optimisation.

What a key of 0.9.5 does was read in its argument classes and in transformers 5.6's; the data keys
stand in `llamafactory_data`. A value keeps its type: this tool's parser turns no text into numbers.
"""

from __future__ import annotations

from typing import Any

from ftc.backends.base import (
    PREFERENCE,
    Key,
    Native,
    adapted,
    fixed,
    mapped,
    optional,
    same,
    whole,
    words,
)
from ftc.backends.llamafactory_data import READY, ready
from ftc.plan import Plan

STAGES = {"sft": "sft", "pretrain": "pt", "dpo": "dpo", "orpo": "dpo", "kto": "kto"}


def _joined(names: tuple[str, ...]) -> str:
    return ",".join(names)


def _split(names: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (names or "").split(",") if part.strip())


def _write_stage(plan: Plan, version: str) -> dict[str, Any]:
    # The stage `pt` makes labels of its own, and none where eos is the padding too; ftc's are kept
    # by the stage `sft`.
    stage = "sft" if ready(plan, version) else STAGES[plan.stage]
    return {"stage": stage, "do_train": True}


def _read_stage(config: Native) -> dict[str, Any]:
    stage = config.get("stage", "sft")
    if config.get("tokenized_path") == READY["pretrain"]:
        return {"stage": "pretrain"}
    if stage == "dpo" and config.get("pref_loss") == "orpo":
        return {"stage": "orpo"}
    return {"stage": "pretrain" if stage == "pt" else stage}


def _write_loss(plan: Plan, version: str) -> dict[str, Any]:
    named = plan.stage == "dpo" and plan.preference_loss is not None
    return {"pref_loss": plan.preference_loss} if named else {}


def _read_loss(config: Native) -> dict[str, Any]:
    loss = config.get("pref_loss") if config.get("stage") == "dpo" else None
    return {"preference_loss": None if loss == "orpo" else loss}


def _read_method(config: Native) -> dict[str, Any]:
    kind = config.get("finetuning_type", "lora")
    quantised = kind == "lora" and bool(config.get("quantization_bit"))
    return {"method": "qlora" if quantised else kind}


def _write_bits(plan: Plan, version: str) -> dict[str, Any]:
    if not plan.quant_bits:
        return {}
    config: dict[str, Any] = {"quantization_bit": plan.quant_bits, "quantization_method": "bnb"}
    if plan.quant_bits == 4:
        config |= {"quantization_type": "nf4", "double_quantization": True}
    return config


def _lora_plus(plan: Plan, version: str) -> bool:
    return plan.loraplus_lr_ratio is not None


MODEL: tuple[Key, ...] = (
    same("model_name_or_path", "model"),
    Key(
        ("model_revision",),
        ("model_revision",),
        lambda plan, version: {"model_revision": plan.model_revision or "main"},
        lambda config: {
            "model_revision": None
            if config.get("model_revision") in (None, "main")
            else config["model_revision"]
        },
    ),
    fixed("trust_remote_code", False, "no code from the hub is run"),
    Key(
        ("stage", "do_train"),
        ("stage",),
        _write_stage,
        _read_stage,
    ),
    same("seed", "seed"),
    Key(("data_seed",), ("seed",), lambda plan, v: {"data_seed": plan.seed}, lambda config: {}),
    fixed("full_determinism", False, "off in both tools"),
)

METHOD: tuple[Key, ...] = (
    Key(
        ("finetuning_type",),
        ("method",),
        lambda plan, v: {"finetuning_type": "full" if plan.method == "full" else "lora"},
        _read_method,
    ),
    Key(
        ("quantization_bit", "quantization_method", "quantization_type", "double_quantization"),
        ("quant_bits",),
        _write_bits,
        lambda config: {"quant_bits": config.get("quantization_bit") or 0},
    ),
    fixed(
        "upcast_layernorm",
        False,
        "norms stay in the compute type, as in the other tool",
        when=lambda plan, version: plan.quant_bits > 0,
    ),
    same("lora_rank", "lora_rank", when=adapted, absent=None),
    mapped("lora_alpha", "lora_alpha", whole, whole, when=adapted, absent=None),
    same("lora_dropout", "lora_dropout", when=adapted, absent=None),
    mapped("lora_target", "lora_targets", _joined, _split, when=adapted, absent=()),
    mapped(
        "additional_target",
        "lora_modules_to_save",
        _joined,
        _split,
        when=lambda plan, version: bool(plan.lora_modules_to_save),
        absent=(),
    ),
    mapped("use_dora", "lora_dora", bool, bool, when=adapted, absent=False),
    mapped("use_rslora", "lora_rslora", bool, bool, when=adapted, absent=False),
    fixed("pissa_init", False, "plain LoRA initialisation", when=adapted),
    optional("loraplus_lr_ratio", "loraplus_lr_ratio"),
    fixed("loraplus_lr_embedding", 1e-6, "the same in both tools", when=_lora_plus),
)


def _pure(plan: Plan, version: str) -> dict[str, Any]:
    # Refused on a CPU and with ZeRO-3, which keeps its own fp32 copy.
    wanted = plan.dtype == "bf16" and plan.device == "gpu" and plan.zero_stage < 3
    return {} if plan.method != "full" else {"pure_bf16": wanted}


PRECISION: tuple[Key, ...] = (
    Key(
        ("bf16", "fp16"),
        ("dtype",),
        lambda plan, version: {"bf16": plan.dtype == "bf16", "fp16": plan.dtype == "fp16"},
        lambda config: {
            "dtype": "bf16" if config.get("bf16") else "fp16" if config.get("fp16") else "fp32"
        },
    ),
    Key(
        ("pure_bf16",),
        (),
        _pure,
        lambda config: {},
        why="bf16 weights are trained as they are, as in the other tool",
    ),
    same("tf32", "tf32"),
    mapped(
        "use_cpu", "device", lambda device: device == "cpu", lambda cpu: "cpu" if cpu else "gpu"
    ),
    words(
        "flash_attn",
        "attention",
        {"sdpa": "sdpa", "flash_attention_2": "fa2", "eager": "disabled"},
    ),
    mapped(
        "disable_gradient_checkpointing",
        "gradient_checkpointing",
        lambda on: not on,
        lambda off: not off,
    ),
    fixed("use_reentrant_gc", False, "as in the other tool"),
    same("enable_liger_kernel", "liger_kernel"),
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


FLOORED = "cosine_with_min_lr"  # the name that both tools take from transformers


def _floored(plan: Plan) -> bool:
    return plan.lr_scheduler == "cosine" and plan.min_lr_ratio is not None


def _read_scheduler(config: Native) -> dict[str, Any]:
    name = config.get("lr_scheduler_type", "linear")
    return {"lr_scheduler": "cosine" if name == FLOORED else name}


OPTIMISATION: tuple[Key, ...] = (
    same("learning_rate", "learning_rate"),
    same("optim", "optimizer"),
    same("adam_beta1", "adam_beta1"),
    same("adam_beta2", "adam_beta2"),
    same("adam_epsilon", "adam_epsilon"),
    same("weight_decay", "weight_decay"),
    same("max_grad_norm", "max_grad_norm"),
    optional("neftune_noise_alpha", "neftune_alpha"),
    Key(
        ("lr_scheduler_type",),
        ("lr_scheduler",),
        lambda plan, v: {"lr_scheduler_type": FLOORED if _floored(plan) else plan.lr_scheduler},
        _read_scheduler,
    ),
    Key(
        ("lr_scheduler_kwargs",),
        ("min_lr_ratio",),
        lambda plan, version: (
            {"lr_scheduler_kwargs": {"min_lr_rate": plan.min_lr_ratio}} if _floored(plan) else {}
        ),
        lambda config: {
            "min_lr_ratio": (config.get("lr_scheduler_kwargs") or {}).get("min_lr_rate")
        },
    ),
    same("warmup_steps", "warmup_steps"),
    same("num_train_epochs", "epochs"),
    same("max_steps", "max_steps"),
    same("per_device_train_batch_size", "micro_batch"),
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
    fixed("eval_on_start", False, "as in the other tool"),
    same("per_device_eval_batch_size", "eval_batch"),
    fixed("save_strategy", "steps", "by whole steps, never by shares of an epoch"),
    same("save_steps", "save_steps"),
    same("save_total_limit", "save_total_limit"),
    fixed("save_only_model", False, "a stopped run can go on from its last checkpoint"),
    same("load_best_model_at_end", "load_best"),
    same("logging_steps", "logging_steps"),
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
    return plan.stage in PREFERENCE


PREFERENCES: tuple[Key, ...] = (
    Key(("pref_loss",), ("preference_loss",), _write_loss, _read_loss),
    fixed(
        "pref_loss",
        "orpo",
        "to this tool ORPO is a loss of the stage dpo",
        when=lambda plan, version: plan.stage == "orpo",
    ),
    optional("pref_beta", "preference_beta", when=_preference),
    fixed(
        "pref_ftx",
        0.0,
        "no part of plain fine-tuning in the loss",
        when=lambda plan, version: plan.stage in ("dpo", "kto"),
    ),
    optional("kto_chosen_weight", "desirable_weight", when=_preference),
    optional("kto_rejected_weight", "undesirable_weight", when=_preference),
)
