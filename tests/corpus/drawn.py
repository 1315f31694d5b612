"""Configs at random, for hypothesis: known keys with values that the schema takes, and junk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from ftc import backends
from ftc.backends import fields, schemas, versions
from ftc.convert import source
from ftc.convert.source import Source

# What every config has: without it, it is of no tool, or trains on nothing.
BASE: Mapping[str, Mapping[str, Any]] = {
    "axolotl": {
        "base_model": "acme/model",
        "datasets": [{"path": "acme/rows", "type": "chat_template"}],
        "learning_rate": 0.0002,
        "micro_batch_size": 2,
        "val_set_size": 0.1,
    },
    "llamafactory": {
        "model_name_or_path": "acme/model",
        "stage": "sft",
        "do_train": True,
        "dataset": "rows",
        "template": "qwen",
        "output_dir": "out",
        "val_size": 0.1,
    },
}
# Keys with which the tool starts another program, or reads its settings elsewhere.
OTHER = {"axolotl": ("plugins",), "llamafactory": ("do_train", "do_predict", "do_eval")}
# Words that text keys take, beside those that their schema names.
TEXTS: Mapping[str, tuple[str, ...]] = {
    "adapter": ("lora", "qlora"),
    "rl": ("dpo", "orpo", "kto", "simpo", "ipo"),
    "optimizer": ("adamw_torch", "adamw_torch_fused", "paged_adamw_8bit", "adafactor", "muon"),
    "optim": ("adamw_torch", "adamw_torch_fused", "paged_adamw_8bit", "adafactor"),
    "lr_scheduler": ("cosine", "linear", "constant", "cosine_with_min_lr"),
    "lr_scheduler_type": ("cosine", "linear", "constant", "warmup_stable_decay"),
    "lora_target": ("all", "q_proj,v_proj", "all-linear"),
    "template": ("qwen", "llama3", "default", "qwen3"),
    "chat_template": ("chatml", "llama3", "tokenizer_default"),
    "report_to": ("none", "wandb"),
    "save_strategy": ("no", "epoch", "steps"),
    "eval_strategy": ("no", "epoch", "steps"),
}
LISTS: Mapping[str, tuple[list[Any], ...]] = {
    "lora_target_modules": (["q_proj"], ["q_proj", "v_proj"]),
    "lora_modules_to_save": (["embed_tokens", "lm_head"],),
    "tokens": (["<a>", "<b>"],),
    "dpo_loss_type": (["sigmoid"], ["ipo"]),
}
TABLES: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "lr_scheduler_kwargs": ({"min_lr_rate": 0.1}, {"num_cycles": 2}),
    "gradient_checkpointing_kwargs": ({"use_reentrant": False}, {"use_reentrant": True}),
    "special_tokens": ({"pad_token": "<pad>"}, {"additional_special_tokens": ["<x>"]}),
    "fsdp_config": ({"offload_params": True, "reshard_after_forward": True},),
    "bnb_config_kwargs": ({"bnb_4bit_quant_type": "nf4"}, {"bnb_4bit_use_double_quant": False}),
    "trl": ({"beta": 0.1, "num_generations": 4},),
}
words = st.sampled_from(("a", "out", "acme/model", "1", "auto", "x y", "ü"))
numbers = st.sampled_from((0.0, 1e-5, 2e-4, 0.05, 0.1, 0.5, 0.95, 1.0, 3.0, 1.5, 16.0))
counts = st.integers(0, 4) | st.sampled_from((8, 16, 100, 512, 2048))
junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(("auto", "none", "1e-4", "full", "[]", "true", "all", "$", "q_proj,")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=4) | st.sampled_from(("path", "type")), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@cache
def keys(tool: str) -> tuple[str, ...]:
    """The keys at the top that the schema of the preferred version has."""
    return tuple(schemas.fields(tool, versions.find(tool).version))


@cache
def meant(tool: str) -> tuple[str, ...]:
    """Those that ftc has a concept for, in a key table or a table of fields."""
    held = {name for key in backends.get(tool).KEYS if key.settings for name in key.natives}
    named = {path for path, it in fields.table(tool).items() if it.concept is not None}
    return tuple(name for name in keys(tool) if name in held | named)


def value(tool: str, name: str) -> st.SearchStrategy[Any]:
    """A value of the key that its schema takes; nothing where none is known."""
    shape = schemas.fields(tool, versions.find(tool).version)[name]
    own = TEXTS.get(name) or LISTS.get(name) or TABLES.get(name)
    found = st.sampled_from(own) if own else _of(shape)
    return found.filter(
        lambda it: not schemas.problems(tool, versions.find(tool).version, {name: it})
    )


def _of(shape: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "choices" in shape:
        return st.sampled_from(shape["choices"])
    if "enum" in shape:
        return st.sampled_from(shape["enum"])
    if "const" in shape:
        return st.just(shape["const"])
    parts = [_of(part) for word in ("anyOf", "oneOf", "allOf") for part in shape.get(word, ())]
    kinds = shape.get("type", ())
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        parts += [PLAIN[kind]] if kind in PLAIN else []
    return st.one_of(parts) if parts else st.nothing()


PLAIN: Mapping[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "integer": counts,
    "number": numbers,
    "string": words,
    "null": st.none(),
}


@cache
def _known(tool: str, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        name
        for name in names
        if name not in OTHER[tool] and name not in BASE[tool] and not value(tool, name).is_empty
    )


@st.composite
def configs(draw: st.DrawFn, tool: str, names: tuple[str, ...], most: int = 12) -> dict[str, Any]:
    """Some of these keys, with values that the schema takes, beside what every config has."""
    some = draw(st.lists(st.sampled_from(_known(tool, names)), max_size=most, unique=True))
    config = dict(BASE[tool]) | {name: draw(value(tool, name)) for name in some}
    return _sound(config) if tool == "axolotl" else config


def _sound(config: dict[str, Any]) -> dict[str, Any]:
    """Without what Axolotl refuses: an adapter without its targets, or with other bits."""
    adapter = config.get("adapter")
    config.pop("load_in_8bit", None)
    config["load_in_4bit"] = adapter == "qlora"
    if adapter and not config.get("lora_target_modules"):
        config["lora_target_linear"] = True
    return config


def parsed(config: Mapping[str, Any]) -> Source:
    """The config as a JSON file would be read."""
    return source.parse(json.dumps(config), Path("drawn.json"), "json")
