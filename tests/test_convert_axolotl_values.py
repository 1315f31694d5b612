"""Axolotl's configs as people write them: what each form of a value means, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from ftc.backends import axolotl_values as values
from ftc.backends import versions
from ftc.backends.axolotl import KEYS
from ftc.convert import dialect

AXOLOTL = "axolotl"
NEWEST = versions.of(AXOLOTL)[0].version

FORMS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"learning_rate": "2e-4"}, {"learning_rate": 2e-4}),
    ({"adam_epsilon": "1e-8", "weight_decay": 0}, {"adam_epsilon": 1e-8, "weight_decay": 0}),
    ({"num_epochs": "3"}, {"epochs": 3.0}),
    ({"micro_batch_size": "2"}, {"micro_batch": 2}),
    ({"bf16": "auto"}, {"dtype": "bf16"}),
    ({"bf16": "auto", "fp16": True}, {"dtype": "fp16"}),
    ({"bf16": True, "fp16": True}, {"dtype": "bf16"}),
    ({"bf16": False, "fp16": False}, {"dtype": "fp32"}),
    ({"bf16": False, "bfloat16": True}, {"dtype": "bf16"}),
    ({"tf32": "auto"}, {"tf32": True}),
    ({"flash_attention": True}, {"attention": "flash_attention_2"}),
    ({"sdp_attention": True, "eager_attention": True}, {"attention": "sdpa"}),
    ({"xformers_attention": True}, {"attention": "xformers"}),
    ({"attn_implementation": "flex_attention"}, {"attention": "flex_attention"}),
    ({"gradient_checkpointing": "true"}, {"gradient_checkpointing": True}),
    ({"optimizer": "muon"}, {"optimizer": "muon"}),
    ({"lr_scheduler": "rex"}, {"lr_scheduler": "rex"}),
    ({"cosine_min_lr_ratio": 0.1}, {"min_lr_ratio": 0.1}),
    (
        {"lr_scheduler": "cosine_with_min_lr", "lr_scheduler_kwargs": {"min_lr_rate": 0.1}},
        {"lr_scheduler": "cosine", "min_lr_ratio": 0.1},
    ),
    (
        {"lr_scheduler": "cosine_with_min_lr", "lr_scheduler_kwargs": {"min_lr": 1e-6}},
        {"lr_scheduler": "cosine_with_min_lr", "lr_scheduler_kwargs.min_lr": 1e-6},
    ),
    ({"warmup_ratio": 0.1}, {"warmup_ratio": 0.1}),
    ({"val_set_size": 0.1, "eval_steps": 0.05}, {"eval_steps": 0.05}),
    ({"val_set_size": 0.1, "eval_strategy": "no"}, {"eval_steps": 0}),
    ({"val_set_size": 0.1, "evaluation_strategy": "epoch"}, {"evals_per_epoch": 1}),
    (
        {"test_datasets": [{"path": "a"}], "evals_per_epoch": 4, "saves_per_epoch": 2},
        {"evals_per_epoch": 4, "saves_per_epoch": 2},
    ),
    ({"val_set_size": 1, "eval_strategy": "steps", "logging_steps": 7}, {"eval_steps": 7}),
    ({"save_strategy": "no"}, {"saves_per_epoch": 0}),
    ({"save_strategy": "steps"}, {"save_steps": 500}),
    ({"bf16": None, "tf32": None}, {"dtype": "fp32", "tf32": False}),
    ({"load_best_model_at_end": None}, {"load_best": True}),
    ({"rl": "dpo", "rl_beta": 0.3, "trl": {"beta": 0.5}}, {"preference_beta": 0.5}),
    ({"save_steps": 0.1, "save_strategy": "steps"}, {"save_steps": 0.1}),
    ({"noisy_embedding_alpha": 5}, {"neftune_alpha": 5}),
    ({"model_revision": "abc"}, {"model_revision": "abc"}),
    ({"rl": "dpo", "dpo_beta": 0.2}, {"preference_beta": 0.2}),
    ({"rl": "orpo", "orpo_alpha": 0.2}, {"preference_beta": 0.2}),
    ({"rl": "dpo", "rl_beta": 0.3, "dpo_beta": 0.2}, {"preference_beta": 0.3}),
    ({"rl": "dpo", "dpo_loss_type": ["ipo"]}, {"preference_loss": "ipo"}),
    (
        {"adapter": "qlora", "load_in_4bit": True, "load_in_8bit": False},
        {"method": "qlora", "quant_bits": 4},
    ),
    ({"adapter": "lora", "load_in_8bit": True}, {"method": "qlora", "quant_bits": 8}),
    ({"load_in_8bit": False}, {"method": "full", "quant_bits": 0}),
    ({"adapter": "lora", "lora_target_linear": True}, {"lora_targets": ("all-linear",)}),
    (
        {"adapter": "lora", "lora_target_linear": True, "lora_target_modules": ["q_proj"]},
        {"lora_targets": ("all-linear",)},
    ),
    ({"adapter": "lora", "lora_target_modules": ["q_proj"]}, {"lora_targets": ("q_proj",)}),
    ({"deepspeed": "zero3.json"}, {"deepspeed": "zero3.json"}),
    ({"group_by_length": True}, {"group_by_length": True}),
]


@pytest.mark.parametrize(("config", "expected"), FORMS, ids=[str(one) for one, _ in FORMS])
def test_a_form_is_read(config, expected):
    told = dialect.read(AXOLOTL, NEWEST, config).values
    assert {name: told.get(name) for name in expected} == expected


UNSAID = [
    ({"bf16": "full"}, "bf16", "dtype", True),
    ({"bf16": False, "float16": True}, "float16", "dtype", True),
    ({"gradient_checkpointing": "offload"}, "gradient_checkpointing", None, False),
    ({"adapter": "mixlora"}, "adapter", "method", True),
    ({"adapter": "lora", "lora_target_modules": ".*q_proj"}, "lora_target_modules", None, True),
    ({"rl": "dpo", "dpo_loss_type": ["sigmoid", "sft"]}, "dpo_loss_type", None, True),
    ({"cosine_min_lr_ratio": 0.1, "lr_scheduler": "rex"}, "cosine_min_lr_ratio", None, True),
    ({"plugins": ["a.LigerPlugin"], "liger_rope": True}, "liger_rope", "liger_kernel", False),
    ({"batch_size": 32}, "batch_size", None, True),
]


@pytest.mark.parametrize(("config", "path", "setting", "training"), UNSAID)
def test_a_value_without_a_place_is_said_to_have_none(config, path, setting, training):
    found = dialect.read(AXOLOTL, NEWEST, config)
    note = found.settled[path]
    assert (note.kind, note.training) == ("untranslatable", training)
    assert len(note.why) > 15
    assert setting not in found.values


REFUSED = [
    ({"load_in_8bit": True}, "without an adapter"),
    ({"adapter": "qlora", "load_in_8bit": True}, "qlora without load_in_4bit"),
    ({"adapter": "qlora"}, "qlora without load_in_4bit"),
    ({"dpo_loss_type": "ipo"}, "takes a list"),
    ({"gradient_checkpointing": "unsloth"}, "neither true nor false"),
    ({"flash_attention": True, "attn_implementation": "sdpa"}, "beside flash_attention"),
    ({"warmup_steps": 0.1}, "no whole number"),
    ({"learning_rate": "fast"}, "is no number"),
    ({"eval_strategy": False}, "quotes"),
    ({"eval_strategy": "epoch", "eval_steps": 5}, "beside eval_strategy"),
    ({"adapter": "lora", "lora_modules_to_save": "lm_head"}, "takes a list"),
    ({"sample_packing": "maybe"}, "neither true nor false"),
]


@pytest.mark.parametrize(("config", "message"), REFUSED)
def test_what_axolotl_refuses_is_refused(config, message):
    refused = []
    for key in KEYS:
        try:
            key.read(config)
        except ValueError as error:
            refused.append(str(error))
    assert any(message in text for text in refused), refused


DEAD = [
    ({"lora_r": 8}, "lora_r"),
    ({"qgalore_rank": 8}, "qgalore_rank"),
    ({"liger_rope": True}, "liger_rope"),
    ({"rl": "dpo", "neftune_noise_alpha": 5}, "neftune_noise_alpha"),
    ({"rl": "kto", "dpo_label_smoothing": 0.1}, "dpo_label_smoothing"),
    ({"warmup_steps": 5, "warmup_ratio": 0.1}, "warmup_ratio"),
    ({"relora_prune_ratio": 0.9}, "relora_prune_ratio"),
    ({"adapter": "lora", "load_in_4bit": True}, "load_in_4bit"),
    ({"max_steps": -1}, "max_steps"),
    ({"evals_per_epoch": 4}, "evals_per_epoch"),
    ({"val_set_size": 0.0, "eval_steps": 4}, "eval_steps"),
    ({"save_steps": 5, "save_strategy": "steps"}, "save_strategy"),
    ({"trl": {"num_generations": 4}}, "trl.num_generations"),
]


@pytest.mark.parametrize(("config", "path"), DEAD)
def test_a_key_that_is_not_read_is_ignored(config, path):
    assert dialect.read(AXOLOTL, NEWEST, config).settled[path].kind == "ignored"


@pytest.mark.parametrize(
    ("strategy", "epochs"), [({"eval_strategy": "epoch"}, 1), ({"save_strategy": "no"}, 0)]
)
def test_strategies_come_back_as_they_were(strategy, epochs):
    config = {"val_set_size": 0.1, **strategy}
    told = dialect.read(AXOLOTL, NEWEST, config).values
    assert epochs in told.values()
    assert dialect.write(AXOLOTL, NEWEST, told).native == strategy


def test_plugins_for_speed_change_no_training():
    def training(*names):
        found = dialect.read(AXOLOTL, NEWEST, {"plugins": [f"a.b.{name}" for name in names]})
        return found.settled["plugins"].training

    assert not training("LigerPlugin", "CutCrossEntropyPlugin")
    assert training("LigerPlugin", "GrokfastPlugin")
    assert training("TheirOwnPlugin")


def test_old_names_stand_behind_the_new():
    assert values.first({"a": None, "b": 2}, "a", "b") == 2
    assert values.first({}, "a", "b") is None
    assert values.truth("Yes") is True and values.truth(0) is False
