"""What a concept is about, in a person's words, and whether another value trains another model."""

from __future__ import annotations

import re
from dataclasses import fields as parts
from functools import cache

from ftc.backends import fields
from ftc.backends.versions import BACKENDS
from ftc.convert.rows import losses
from ftc.convert.rows.parts import NO_KEY, noted
from ftc.plan import Plan

OUTPUT = "output"
GROUPS: dict[str, tuple[str, ...]] = {
    "model": ("model", "model_revision", "trust_remote_code", "use_fast_tokenizer", "add_tokens",
              "additional_special_tokens", "adapter_name_or_path"),
    "data": ("data.rows", "train_rows", "max_length", "packing", "train_on_prompt", "tokens",
             "excess_length_strategy", "thinking", "template_date", "family",
             "group_by_length", "disable_shuffling", "dataloader_drop_last"),
    "method": ("stage", "method", "quant_bits", "lora_rank", "lora_alpha", "lora_dropout",
               "lora_targets", "lora_modules_to_save", "lora_dora", "lora_rslora",
               "init_lora_weights", "preference_loss", "preference_beta", "desirable_weight",
               "undesirable_weight"),
    "schedule": ("length", "warmup", "lr_scheduler", "min_lr_ratio"),
    "optimisation": ("learning_rate", "loraplus_lr_ratio", "loraplus_lr_embedding",
                     "effective_batch", "optimizer", "optim_args", "optim_target_modules",
                     "adam_beta1", "adam_beta2", "adam_epsilon", "weight_decay", "max_grad_norm",
                     "neftune_alpha", "seed", "full_determinism"),
    "precision and memory": (
        "dtype", "pure_bf16", "fp8", "tf32", "attention", "bnb_4bit_quant_type",
        "bnb_4bit_use_double_quant", "micro_batch", "gradient_accumulation",
        "auto_find_batch_size", "gradient_checkpointing", "use_reentrant", "liger_kernel",
        "device", "gpus", "zero_stage", "offload_optimizer", "deepspeed",
        "low_cpu_mem_usage", "torch_compile"),
    "loop": ("eval_steps", "evals_per_epoch", "eval_batch", "eval_on_start", "save_steps",
             "saves_per_epoch", "save_total_limit", "save_only_model", "load_best",
             "metric_for_best_model", "greater_is_better", "early_stopping_patience",
             "logging_steps"),
    OUTPUT: ("name",),
}  # fmt: skip
_STARTS = {
    "data.": "data",
    "lr_scheduler_kwargs.": "schedule",
    "dataloader_": OUTPUT,
    "ddp_": OUTPUT,
    "logging_": OUTPUT,
    "fp8": "precision and memory",
    "torch_": "precision and memory",
}
# They cost time or memory, or say what is looked at on the way; the weights stay the same but for
# rounding (judgment). Others of the plan train another model.
_SAME_WEIGHTS = frozenset(
    {"tf32", "attention", "micro_batch", "gradient_accumulation", "gradient_checkpointing"}
    | {"liger_kernel", "device", "gpus", "zero_stage", "offload_optimizer", "eval_steps"}
    | {"eval_batch", "save_steps", "save_total_limit", "logging_steps", "name", "family"}
)
_SITE = frozenset(
    {"name", "data.cache", "data.cache_hub", "data.cache_files", "data.hub_login"}
    | {"data.workers", "data.in_memory", "data.folder", "data.media_folder", "data.tokenized"}
    | {"data.unprepared", "accelerator_config", "resume_from_checkpoint"}
)
_WORDS = {
    "data.rows": "training rows",
    "train_rows": "training rows",
    "max_length": "longest row in tokens",
    "train_on_prompt": "prompts are trained too",
    "data.template": "chat template",
    "data.eval_share": "share of rows held out",
    "data.eval_count": "rows held out",
    "data.samples": "rows used at most",
    "data.system": "system text",
    "data.turn_ends": "tokens that end a turn",
    "data.last_answer_only": "only the last answer is trained",
    "excess_length_strategy": "rows that are too long",
    "pure_bf16": "weights trained in bf16",
    "lora_rank": "LoRA rank",
    "lora_alpha": "LoRA alpha",
    "lora_dropout": "LoRA dropout",
    "lora_targets": "target modules",
    "lora_modules_to_save": "modules trained in full",
    "lora_dora": "DoRA",
    "lora_rslora": "rsLoRA",
    "quant_bits": "bits of the base model",
    "length": "length of the run",
    "warmup": "warm-up",
    "lr_scheduler": "schedule",
    "min_lr_ratio": "lowest learning rate, share",
    "learning_rate": "peak learning rate",
    "effective_batch": "rows a step",
    "micro_batch": "rows a card and pass",
    "max_grad_norm": "largest gradient norm",
    "liger_kernel": "Liger's kernels",
    "gpus": "cards",
    "use_reentrant": "reentrant checkpointing",
    "load_best": "best checkpoint is kept",
    "save_total_limit": "checkpoints kept",
    "eval_batch": "rows an evaluation pass",
}
_SIDES = {"train": "data set", "eval": "held-out set"}
_SET = re.compile(r"data\.(train|eval)\[(.*)\]\.?(.*)")
_PLAN = frozenset(it.name for it in parts(Plan))
_PLACES = {
    name: (at, number)
    for at, names in enumerate(GROUPS.values())
    for number, name in enumerate(names)
}


def group(concept: str) -> str:
    """Which of GROUPS it is in."""
    if concept in _SITE:
        return OUTPUT
    if concept in _PLACES:
        return list(GROUPS)[_PLACES[concept][0]]
    return next((name for start, name in _STARTS.items() if concept.startswith(start)), "method")


def order(concept: str) -> tuple[int, int, str]:
    """Sorts concepts as a person would list them."""
    at = list(GROUPS).index(group(concept))
    return at, _PLACES.get(concept, (at, 99))[1], concept


def words(concept: str) -> str:
    """The name for a person."""
    if found := _SET.fullmatch(concept):
        part = found[3].replace("_", " ")
        return f"{_SIDES[found[1]]} {found[2]}" + (f": {part}" if part else "")
    return _WORDS.get(concept, concept.removeprefix("data.").replace("_", " "))


def site(concept: str) -> bool:
    """It is a matter of the machine, its accounts and its paths alone."""
    return concept in _SITE or group(concept) == OUTPUT


@cache
def training(concept: str) -> bool:
    """Whether other weights come out with another value, beyond rounding."""
    if site(concept) or concept in _SAME_WEIGHTS:
        return False
    if concept.startswith("data.eval["):
        return False
    if _SET.match(concept):
        return not re.search(r"\.(name|conversation|trust_remote_code|file_type)$", concept)
    if concept.startswith("data."):
        notes = {noted(concept, table) for table in (losses.AXOLOTL, losses.LLAMAFACTORY)}
        return any(note.training for note in notes - {NO_KEY}) or notes == {NO_KEY}
    known = [it for tool in BACKENDS for it in fields.table(tool).values() if it.concept == concept]
    if known and concept not in _PLAN:
        return any(it.training for it in known)
    return True
