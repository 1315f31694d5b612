"""Each backend's key table in both directions, over the whole matrix of plans."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
from backends import plans

from ftc import backends
from ftc.backends import base
from ftc.errors import FtcError
from ftc.plan import Plan

TOOLS = [("axolotl", "0.19.0"), ("axolotl", "0.21.0"), ("llamafactory", "0.9.5")]
MATRIX = plans.matrix()


def test_the_matrix_is_large():
    assert len(MATRIX) > 250
    assert {plan.stage for plan in MATRIX.values()} == {"sft", "pretrain", "dpo", "orpo", "kto"}


@pytest.mark.parametrize(("name", "version"), TOOLS)
def test_a_config_reads_back_to_its_plan(name, version):
    backend = backends.get(name)
    for case, plan in MATRIX.items():
        told = backend.read(backend.native(plan, version), version)
        wrong = {key: value for key, value in told.items() if getattr(plan, key) != value}
        assert not wrong, (case, wrong)
        assert told.keys() | backend.UNCOVERED.keys() == plan.values().keys(), case


@pytest.mark.parametrize("name", backends.MODULES)
def test_every_plan_setting_is_covered_or_has_a_reason(name):
    backend = backends.get(name)
    settings = {field.name for field in fields(Plan)} - {"origins"}
    held = base.covered(backend.KEYS)
    assert held | backend.UNCOVERED.keys() == settings
    assert all(len(reason) > 10 for reason in backend.UNCOVERED.values())


@pytest.mark.parametrize(("name", "version"), TOOLS)
def test_no_two_lines_of_the_table_write_the_same_key(name, version):
    backend = backends.get(name)
    for case, plan in MATRIX.items():
        written = [key for line in backend.KEYS for key in line.write(plan, version)]
        assert len(written) == len(set(written)), case
        assert set(written) <= {key for line in backend.KEYS for key in line.natives}, case


@pytest.mark.parametrize(("name", "version"), TOOLS)
def test_every_written_value_says_where_it_comes_from(name, version):
    backend = backends.get(name)
    for case, plan in MATRIX.items():
        texts = base.origins(backend.KEYS, plan, version)
        bare = {
            key
            for key, text in texts.items()
            if not text and getattr(plan, key, "given") is not None
        }
        assert not bare, (case, bare)


@pytest.mark.parametrize(("name", "version"), TOOLS)
def test_numbers_are_numbers_and_nothing_is_a_python_object(name, version):
    backend = backends.get(name)
    for plan in MATRIX.values():
        config = backend.native(plan, version)
        assert json.loads(json.dumps(config)) == config
        assert isinstance(config["learning_rate"], float)


def test_quantised_adapters_have_the_names_that_quantise():
    axolotl, factory = backends.get("axolotl"), backends.get("llamafactory")
    for bits, adapter in ((4, "qlora"), (8, "lora")):
        plan = plans.base(method="qlora", quant_bits=bits)
        config = axolotl.native(plan, "0.21.0")
        assert config["adapter"] == adapter
        assert config[f"load_in_{bits}bit"] is True
        assert factory.native(plan, "0.9.5")["quantization_bit"] == bits


def test_full_training_writes_no_dead_adapter_keys():
    plan = plans.base(method="full", lora_targets=[])
    assert not [key for key in backends.get("axolotl").native(plan, "0.21.0") if "lora" in key]
    factory = backends.get("llamafactory").native(plan, "0.9.5")
    assert not [key for key in factory if "lora" in key or key == "additional_target"]
    assert factory["pure_bf16"] is True
    assert (
        backends.get("llamafactory").native(replace(plan, zero_stage=3), "0.9.5")["pure_bf16"]
        is False
    )


@pytest.mark.parametrize("length", [505, 509, 511, 512])
def test_packing_loses_no_row_of_full_length(length):
    plan = plans.base(packing=True, attention="flash_attention_2", max_length=length)
    config = backends.get("llamafactory").native(plan, "0.9.5")
    assert config["cutoff_len"] - 1 >= plan.max_length  # the tool takes one off
    assert config["cutoff_len"] % 8 == 0  # else its collator crashes
    assert config["packing"] and config["neat_packing"]
    config = backends.get("llamafactory").native(replace(plan, stage="pretrain"), "0.9.5")
    assert config["cutoff_len"] - 1 == plan.max_length  # the length of a block


def test_versions_differ_where_the_tool_does():
    axolotl, plan = backends.get("axolotl"), plans.base()
    new, old = axolotl.native(plan, "0.21.0"), axolotl.native(plan, "0.19.0")
    assert new.keys() - old.keys() == {"eval_on_start", "full_determinism"}
    assert not old.keys() - new.keys()


def test_native_keys_win_and_say_what_they_replaced():
    axolotl = backends.get("axolotl")
    config = axolotl.native(plans.base(), "0.21.0")
    overrides = {
        "learning_rate": 1e-3,
        "lora_r": 4,
        "gradient_checkpointing_kwargs": {"use_reentrant": True},
        "wandb_project": "mine",
    }
    merged, found = axolotl.overridden(config, overrides)
    assert merged["learning_rate"] == 1e-3
    assert merged["gradient_checkpointing_kwargs"] == {"use_reentrant": True}
    assert merged["wandb_project"] == "mine"
    assert config["lora_r"] == 16 and merged["lora_r"] == 4
    assert [finding.where for finding in found] == [
        "backend.axolotl.learning_rate",
        "backend.axolotl.lora_r",
        "backend.axolotl.gradient_checkpointing_kwargs.use_reentrant",
        "backend.axolotl.wandb_project",
    ]
    assert {finding.rule for finding in found} == {"native-override"}
    assert "0.0002" in found[0].message and "False" in found[2].message
    assert "no such key" in found[3].message


def test_an_override_of_a_value_by_a_table_and_back():
    config = {"a": 1, "b": {"c": 1, "d": 2}}
    merged, found = base.overridden("axolotl", config, {"a": {"x": {"y": 1}}, "b": 3})
    assert merged == {"a": {"x": {"y": 1}}, "b": 3}
    assert len(found) == 2
    assert config == {"a": 1, "b": {"c": 1, "d": 2}}


def test_an_unknown_backend_names_the_nearest():
    with pytest.raises(FtcError) as error:
        backends.get("axolotle")
    assert "did you mean axolotl?" in error.value.hint


def test_corpus_forms_of_other_people_read_without_a_fault():
    axolotl = backends.get("axolotl")
    told = axolotl.read(
        {
            "adapter": "lora",
            "load_in_8bit": True,
            "lora_r": None,
            "lora_target_modules": ["q_proj"],
            "lora_modules_to_save": None,
            "cosine_min_lr_ratio": 0.1,
            "max_grad_norm": None,
        },
        "0.21.0",
    )
    assert told["method"] == "qlora" and told["quant_bits"] == 8
    assert told["lora_rank"] is None
    assert told["lora_targets"] == ("q_proj",) and told["lora_modules_to_save"] == ()
    assert told["min_lr_ratio"] == 0.1
    assert "max_grad_norm" not in told
    with pytest.raises(ValueError, match="without an adapter"):
        axolotl.read({"lora_r": 8, "load_in_8bit": True}, "0.21.0")
    told = backends.get("llamafactory").read(
        {"finetuning_type": "lora", "lora_target": "q_proj, v_proj", "neat_packing": True}, "0.9.5"
    )
    assert told["lora_targets"] == ("q_proj", "v_proj")
    assert told["packing"] is True and told["max_length"] == 2040
