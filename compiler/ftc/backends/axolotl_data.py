"""Axolotl's data keys: which rows are read, how a row becomes tokens, what is trained on."""

from __future__ import annotations

from typing import Any

from ftc.backends import axolotl_values as values
from ftc.backends.base import PREFERENCE, Key, Native, fixed, mapped
from ftc.plan import Plan

# Families whose template knows think blocks; those that do not ask `enable_thinking` ignore it.
REASONING = ("qwen3", "qwen3-2507", "smollm3", "deepseek-r1")
FEW_ROWS = 5000
_FILE = {"split": "train"}
_CHAT = {
    "type": "chat_template",
    "field_messages": "messages",
    "message_property_mappings": {"role": "role", "content": "content"},
    "roles_to_train": ["assistant"],
    "train_on_eos": "turn",
}
# How each stage's rows are read; the row shapes are those of `ftc.backends.rows`. Preference rows
# have no type: they go as they are to the trainer, which renders them with the model's own
# template. The types that Axolotl has for them drop a system turn (orpo) or know ChatML only (kto).
BLOCKS: dict[str, dict[str, Any]] = {
    "sft": _CHAT,
    "pretrain": {"type": "completion", "field": "text"},
    "segments": {"type": "input_output"},
    "dpo": {"type": None},
    "orpo": {"type": None},
    "kto": {"type": None},
}


# Rows of input_ids, attention_mask and labels: an empty type takes them as they are.
_READY = {"ds_type": "json", "type": None}
_READY_FILE = ".tokens.jsonl"


def _block(plan: Plan, path: str) -> dict[str, Any]:
    if plan.tokens == "exact":
        # `field` does nothing here but say of what the tokens are made.
        told = {"field": "segments"} if plan.segments == "all" else {}
        return {"path": path.replace(".jsonl", _READY_FILE), **_FILE, **_READY, **told}
    if plan.segments == "all":
        return {"path": path, **_FILE, **BLOCKS["segments"]}
    tools = {"field_tools": "tools"} if plan.has_tools and plan.stage == "sft" else {}
    return {"path": path, **_FILE, **BLOCKS[plan.stage], **tools}


def _write_data(plan: Plan, version: str) -> dict[str, Any]:
    config: dict[str, Any] = {"rl": plan.stage} if plan.stage in PREFERENCE else {}
    config["datasets"] = [_block(plan, "train.jsonl")]
    if plan.eval_steps:  # 0.19.0 evaluates a data set that is named, whatever eval_strategy says
        config["test_datasets"] = [_block(plan, "eval.jsonl")]
    return config


def _read_data(config: Native) -> dict[str, Any]:
    if rl := config.get("rl"):
        return {"stage": rl}
    block = (config.get("datasets") or [{}])[0]
    ready = _reads_tokens(config) and "chat_template" not in config and "field" not in block
    if ready or block.get("type") == "completion":
        return {"stage": "pretrain"}
    return {"stage": "sft"}


def _reads_tokens(config: Native) -> bool:
    block = (config.get("datasets") or [{}])[0]
    return str(block.get("path", "")).endswith(_READY_FILE)


def _read_tokens(config: Native) -> dict[str, Any]:
    return {"tokens": "exact" if _reads_tokens(config) else "native"}


def _chat(plan: Plan, version: str) -> bool:
    return plan.stage != "pretrain" and plan.segments != "all"


def _write_told(plan: Plan, version: str) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if plan.thinking or (plan.family in REASONING and plan.stage != "pretrain"):
        told["enable_thinking"] = plan.thinking
    if plan.template_date:
        told["date_string"] = plan.template_date
    return {"chat_template_kwargs": told} if told else {}


def _read_told(config: Native) -> dict[str, Any]:
    told = config.get("chat_template_kwargs") or {}
    return {
        "thinking": told.get("enable_thinking", False),
        "template_date": told.get("date_string", ""),
    }


def _write_packing(plan: Plan, version: str) -> dict[str, Any]:
    # Held-out rows are not packed: a small file gives not one full pack.
    return {
        "sample_packing": plan.packing,
        "eval_sample_packing": False,
        "pad_to_sequence_len": plan.packing,
    }


DATA: tuple[Key, ...] = (
    Key(("rl", "datasets", "test_datasets"), ("stage",), _write_data, _read_data),
    Key((), ("tokens",), lambda plan, version: {}, _read_tokens),
    fixed(
        "skip_prepare_dataset",
        True,
        "the trainer renders the turns with the model's own template",
        when=lambda plan, version: plan.stage in PREFERENCE,
    ),
    fixed("val_set_size", 0.0, "ftc split the rows already"),
    fixed("dataset_prepared_path", "prepared", "inside the run folder: a cache of no other data"),
    fixed(
        "dataset_num_proc",
        0,
        "few rows: a process more, even the first, would cost more than it saves",
        when=lambda plan, version: plan.train_rows < FEW_ROWS,
    ),
    fixed("chat_template", "tokenizer_default", "the model's own template", when=_chat),
    Key(
        ("chat_template_kwargs",),
        ("thinking", "template_date"),
        _write_told,
        _read_told,
    ),
    Key(
        ("eot_tokens",),
        ("turn_end",),
        lambda plan, version: (
            {"eot_tokens": [plan.turn_end]}
            if plan.turn_end and _chat(plan, version) and plan.tokens == "native"
            else {}
        ),
        lambda config: {},
        why="the token that ends an answer is trained on",
    ),
    mapped("train_on_inputs", "train_on_prompt", bool, values.truth),
    mapped("sequence_len", "max_length", int, values.count),
    fixed("excess_length_strategy", "raise", "ftc kept longer rows out; none is cut in silence"),
    Key(
        ("sample_packing", "eval_sample_packing", "pad_to_sequence_len"),
        ("packing",),
        _write_packing,
        lambda config: {"packing": values.truth(config.get("sample_packing", False))},
    ),
    fixed(
        "remove_unused_columns",
        False,
        "preference rows and packs need every column",
        when=lambda plan, version: plan.packing or plan.stage in PREFERENCE,
    ),
    fixed("shuffle_merged_datasets", True, "shuffled by the seed"),
    fixed("curriculum_sampling", False, "rows are drawn at random"),
    fixed("group_by_length", False, "rows are drawn at random"),
    fixed("dataset_exact_deduplication", False, "ftc wrote the rows that it wants"),
)
