"""What the keys of a data set of Axolotl are called, and the parts that they tell."""

from __future__ import annotations

import re

PARTS: dict[str, str] = {
    "name": "subset",
    "split": "split",
    "revision": "revision",
    "data_files": "files",
    "ds_type": "file_type",
    "trust_remote_code": "trust_remote_code",
    "weight": "weight",
    "shards": "shards",
    "shards_idx": "shard",
    "preprocess_shards": "chunks",
    "skip": "skip",
    "conversation": "conversation",
    "logprobs_field": "columns.logprobs",
    "temperature": "temperature",
    **{
        name: name
        for name in (
            "step_separator",
            "max_completion_length",
            "train_on_last_step_only",
            "length",
            "sequence_length",
            "min_input_id",
            "max_input_id",
            "seed",
            "min_turns",
            "max_turns",
            "min_turn_length",
            "input_fraction",
        )
    },
}
# Read by types that take their columns by name.
NAMED: dict[str, str] = {
    "field": "columns.text",
    "text_column": "columns.text",
    "field_messages": "columns.messages",
    "field_tools": "columns.tools",
    "field_thinking": "columns.thinking",
    "field_chosen": "columns.chosen",
    "field_rejected": "columns.rejected",
    "message_field_role": "columns.role",
    "message_field_content": "columns.content",
    "message_field_training": "columns.trained",
    "message_field_training_detail": "columns.trained_detail",
    "template_thinking_key": "thinking_key",
    "split_thinking": "split_thinking",
    "roles_to_train": "roles_to_train",
    "train_on_eos": "train_on_eos",
    "train_on_eot": "train_on_eot",
    "drop_system_message": "drop_system",
    "chat_template_jinja": "template_text",
}
FORMATS: dict[str, str] = {
    "system_prompt": "system",
    "system_format": "format.system",
    "format": "format.both",
    "no_input_format": "format.alone",
    "prompt_format": "format.prompt",
    "chosen_format": "format.chosen",
    "rejected_format": "format.rejected",
    "completion_format": "format.completion",
    "field_system": "columns.system",
    "field_instruction": "columns.instruction",
    "field_prompt": "columns.instruction",
    "field_input": "columns.input",
    "field_output": "columns.output",
    "field_chosen": "columns.chosen",
    "field_rejected": "columns.rejected",
    "field_completion": "columns.completion",
    "field_label": "columns.label",
}
# What a table under `type` means where it leaves a key out.
TABLES: dict[str, dict[str, str]] = {
    "alpaca": {
        "columns.instruction": "instruction",
        "columns.input": "input",
        "columns.output": "output",
        "columns.system": "system",
        "format.both": "{instruction} {input} ",
        "format.alone": "{instruction} ",
        "format.system": "{system}",
    },
    "preference": {
        "columns.instruction": "prompt",
        "columns.system": "system",
        "columns.chosen": "chosen",
        "columns.rejected": "rejected",
    },
    "kto": {
        "columns.instruction": "prompt",
        "columns.system": "system",
        "columns.completion": "completion",
        "columns.label": "label",
    },
}
PAIRED = ("dpo", "orpo", "simpo")  # stages with two answers a row
NEW = ("weight", "min_turns", "max_turns", "min_turn_length", "input_fraction")  # since 0.21.0
FORMATTED = "formats"  # the `prompt` of rows with texts of the config's own
AS_THEY_ARE = "as they are"  # that of rows that the trainer takes as they are
READY = ".tokens.jsonl"  # the rows that ftc made tokens of
UNREAD = ("input_transform", "input_format", "field_human", "field_model")
FILE = re.compile(r"\.(jsonl?|csv|tsv|parquet|arrow|txt|zst|gz|zip)$")
HUB = re.compile(r"[\w.-]+(/[\w.-]+)?")
