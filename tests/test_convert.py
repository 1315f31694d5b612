"""`ftc convert` and `ftc check` on native configs: the ledger, the recipe, the other tool."""

import json
import shutil
import tomllib
from pathlib import Path

import pytest
import tomlkit
import yaml
from click.testing import CliRunner

from ftc.build import compile_recipe
from ftc.cli import cli
from ftc.convert.checked import check
from ftc.convert.convert import convert
from ftc.convert.entry import CLASSES, counts
from ftc.convert.meaning import leaves
from ftc.convert.minimal import minimal
from ftc.convert.source import read
from ftc.errors import FtcError
from ftc.recipe import parse

AXOLOTL = """\
# a run of ours
base_model: Qwen/Qwen2.5-7B-Instruct
adapter: qlora
load_in_4bit: true
lora_r: 16
lora_alpha: 32  # twice the rank
lora_target_linear: true
lora_rr: 8
datasets:
  - path: rows.jsonl
    type: chat_template
    field_messages: messages
chat_template: tokenizer_default
val_set_size: 0.1
sequence_len: 2048
micro_batch_size: 2
gradient_accumulation_steps: 4
num_epochs: 2
learning_rate: 2e-4
lr_scheduler: cosine
optimizer: adamw_torch_fused
bf16: auto
warmup_ratio: 0.05
evals_per_epoch: 4
saves_per_epoch: 2
relora: true
wandb_project: ours
wandb_entity:
output_dir: ./out
"""
LLAMA = {
    "model_name_or_path": "Qwen/Qwen2.5-7B-Instruct",
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "lora",
    "lora_rank": 8,
    "lora_target": "all",
    "dataset": "ours",
    "dataset_dir": ".",
    "template": "qwen",
    "cutoff_len": 1024,
    "per_device_train_batch_size": 2,
    "learning_rate": 1e-4,
    "num_train_epochs": 3.0,
    "bf16": True,
    "output_dir": "saves/ours",
}
INFO = {
    "ours": {
        "file_name": "rows.jsonl",
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
            "system_tag": "system",
        },
    }
}


@pytest.fixture
def axolotl(tmp_path):
    return _file(tmp_path / "run.yml", AXOLOTL)


@pytest.fixture
def llama(tmp_path):
    (tmp_path / "dataset_info.json").write_text(json.dumps(INFO))
    return _file(tmp_path / "run.json", json.dumps(LLAMA, indent=1))


def _file(path: Path, text: str) -> Path:
    chat = [{"role": "user", "content": "Row {}?"}, {"role": "assistant", "content": "It is {}."}]
    rows = [json.dumps({"messages": chat}).replace("{}", str(i)) for i in range(40)]
    (path.parent / "rows.jsonl").write_text("\n".join(rows))
    path.write_text(text)
    return path


def kinds(found):
    return {it.path: it.kind for it in found.entries}


@pytest.mark.parametrize("target", ["recipe", "axolotl", "llamafactory"])
def test_every_key_is_in_one_class(axolotl, llama, target):
    for path in (axolotl, llama):
        source = read(path)
        found = convert(source, target)
        assert [it.path for it in found.entries] == [name for name, _ in leaves(source.values)]
        assert {it.kind for it in found.entries} <= set(CLASSES)
        assert sum(counts(found.entries).values()) == len(found.entries)
        assert all(it.why for it in found.entries if it.kind in ("untranslatable", "ignored"))
        assert all(it.line for it in found.entries)


def test_classes_are_what_they_say(axolotl):
    found = convert(read(axolotl), "llamafactory")
    assert found.native["lora_rank"] == 16
    said = kinds(found)
    assert said["lora_r"] == "exact"
    assert said["bf16"] == "converted"
    assert said["warmup_ratio"] == "approximate"
    assert said["relora"] == "untranslatable"
    assert said["lora_rr"] == said["wandb_entity"] == "ignored"
    assert said["wandb_project"] == said["output_dir"] == "site"
    by = {it.path: it for it in found.entries}
    assert "did you mean lora_r" in by["lora_rr"].why
    assert by["lora_alpha"].line == 6
    assert [it.path for it in found.lost] == ["relora"]
    assert found.native["eval_steps"] == 1 / 8
    assert found.native["output_dir"] == "./out"


def test_what_the_source_leaves_to_its_tool_is_said(axolotl, llama):
    written = convert(read(axolotl), "llamafactory").native
    assert written["lora_dropout"] == 0.0
    assert written["gradient_accumulation_steps"] == 4
    back = convert(read(llama), "axolotl").native
    assert back["lr_scheduler"] == "linear"
    assert back["lora_alpha"] == 16
    assert back["gradient_accumulation_steps"] == 1
    assert back["excess_length_strategy"] == "truncate"
    assert back["datasets"][0]["path"] == "rows.jsonl"
    told = {it.path: it.to for it in convert(read(llama), "axolotl").entries}
    assert told["dataset"]["datasets[0].path"] == "rows.jsonl"
    cut = convert(read(axolotl), "llamafactory").differences
    assert cut == ("rows over the length are left out, cut by llamafactory",)


def test_the_recipe_is_one_that_ftc_takes(axolotl):
    found = convert(read(axolotl), "recipe")
    recipe = parse(found.text, "recipe.toml")
    assert recipe.lora.targets == ["all-linear"]
    assert (recipe.training.evals_per_epoch, recipe.training.warmup_ratio) == (4, 0.05)
    assert recipe.backend.axolotl["relora"] is True
    assert "twice the rank" in found.text
    path = axolotl.with_name("recipe.toml")
    path.write_text(found.text)
    plan = compile_recipe(path, offline=True).plan
    assert (plan.micro_batch, plan.gradient_accumulation, plan.epochs) == (2, 4, 2)
    assert plan.learning_rate == 2e-4


def test_a_minimal_recipe_has_the_same_plan(axolotl):
    found = convert(read(axolotl), "recipe")
    less = minimal(found, offline=True)
    plans = []
    for name, text in (("whole.toml", found.text), ("less.toml", less.text)):
        path = axolotl.with_name(name)
        path.write_text(text)
        plans.append(compile_recipe(path, offline=True).plan.values())
    assert plans[0] == plans[1]
    assert len(less.text) < len(found.text)
    assert tomllib.loads(less.text) == less.native
    for path, _ in leaves({"training": less.native["training"]}):
        fewer = json.loads(json.dumps(less.native))
        del fewer["training"][path.removeprefix("training.")]
        target = axolotl.with_name("fewer.toml")
        target.write_text(tomlkit.dumps(fewer))
        assert compile_recipe(target, offline=True).plan.values() != plans[0], path


def test_the_way_there_and_back(llama, tmp_path):
    there = convert(read(llama), "axolotl")
    path = tmp_path / "there.yml"
    path.write_text(there.text)
    back = convert(read(path), "llamafactory").native
    keys = set(LLAMA) - {"output_dir", "dataset", "dataset_dir", "template"}
    assert {key: back[key] for key in keys} == {key: LLAMA[key] for key in keys}


def run(*args):
    return CliRunner().invoke(cli, [str(it) for it in args], standalone_mode=False)


def test_the_command_refuses_what_would_be_lost(axolotl, tmp_path):
    out = tmp_path / "new.json"
    done = run("convert", axolotl, "--to", "llamafactory", "--out", out)
    assert done.return_value == 1
    assert not out.exists()
    assert "relora" in done.output
    assert "1 of the keys change training" in done.output
    done = run("convert", axolotl, "--to", "llamafactory", "--out", out, "--allow-lossy")
    assert done.return_value == 0
    assert json.loads(out.read_text())["lora_rank"] == 16
    assert "opens no file named .json" in done.output
    assert (tmp_path / "dataset_info.json").exists()
    done = run("convert", axolotl, "--to", "llamafactory", "--out", out, "--allow-lossy")
    assert isinstance(done.exception, FtcError)
    assert "exists already" in str(done.exception)


def test_the_command_in_json(llama):
    done = run("convert", llama, "--to", "axolotl@0.19.0", "--format", "json")
    said = json.loads(done.stdout)
    assert (said["tool"], said["target"], said["version"]) == ("llamafactory", "axolotl", "0.19.0")
    assert len(said["keys"]) == len(LLAMA) == sum(said["counts"].values())
    assert yaml.safe_load(said["text"])["lora_r"] == 8


def test_the_version_of_the_source_can_be_told(axolotl, llama):
    done = run("convert", axolotl, "--to", "recipe", "--from", "axolotl@0.19.0", "--format", "json")
    assert json.loads(done.stdout)["read_as"] == "0.19.0"
    done = run("convert", llama, "--to", "recipe", "--from", "axolotl@0.19.0")
    assert "is a config of llamafactory" in str(done.exception)
    done = run("convert", llama, "--to", "unsloth")
    assert "unknown backend 'unsloth'" in str(done.exception)


def test_a_recipe_is_no_source(axolotl, tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(convert(read(axolotl), "recipe").text)
    done = run("convert", path, "--to", "axolotl")
    assert "is a recipe already" in str(done.exception)


def test_minimal_is_for_recipes(llama):
    done = run("convert", llama, "--to", "axolotl", "--minimal")
    assert "--minimal is for recipes" in str(done.exception)


def test_a_native_config_is_checked(tmp_path):
    path = _file(tmp_path / "run.yml", AXOLOTL.replace("2e-4", "2e-2") + "num_epoch: 3\n")
    found = check(read(path)).findings
    said = {(it.rule, it.where.rpartition(": ")[2]): it for it in found}
    wrong = said["native-unknown-key", "lora_rr"]
    assert wrong.severity == "error"
    assert wrong.remedy == "did you mean lora_r?"
    assert f"run.yml:{AXOLOTL.splitlines().index('lora_rr: 8') + 1}" in wrong.where
    assert ("native-unknown-key", "num_epoch") in said
    assert said["lora-lr-high", "learning_rate"].remedy.startswith("set learning_rate")


def test_check_takes_native_configs(axolotl, llama):
    done = run("check", axolotl)
    assert done.return_value == 1
    assert "did you mean lora_r?" in done.output
    done = run("check", llama, "--backend", "axolotl")
    assert "is a config of llamafactory, not of axolotl" in str(done.exception)
    done = run("check", llama, "--format", "json")
    assert done.return_value == 0, done.output


def test_a_sound_config_has_no_error_by_rules_about_builds(tmp_path):
    text = AXOLOTL.replace("lora_rr: 8\n", "") + "dataset_prepared_path: cache\n"
    found = check(read(_file(tmp_path / "run.yml", text))).findings
    assert [it.rule for it in found if it.severity == "error"] == []


KIT = """\
base_model: Qwen/Qwen2.5-7B-Instruct
datasets:
  - path: axolotl_correction_conversations.json
    type: input_output
  - path: axolotl_rag_conversations.jsonl
    type: input_output
dataset_prepared_path: last_run_prepared
output_dir: ./trained
sequence_len: 5000
sample_packing: false
gradient_accumulation_steps: 75
micro_batch_size: 2
num_epochs: 5
optimizer: paged_adamw_8bit
lr_scheduler: constant
learning_rate: 0.00002
noisy_embedding_alpha: 5
bf16: true
gradient_checkpointing: true
flash_attention: true
warmup_steps: 10
use_liger_kernel: true
plugins:
  - axolotl.integrations.liger.LigerPlugin
liger_rope: true
liger_rms_norm: true
liger_glu_activation: true
liger_fused_linear_cross_entropy: true
"""


def test_what_augmentoolkit_writes_becomes_a_recipe(tmp_path):
    for name in ("axolotl_correction_conversations.json", "axolotl_rag_conversations.jsonl"):
        shutil.copy(Path(__file__).parent / "data" / "augmentoolkit" / name, tmp_path)
    path = tmp_path / "sft.yaml"
    path.write_text(KIT)
    found = convert(read(path), "recipe")
    assert found.lost == ()
    assert {it.path: it.kind for it in found.entries}["use_liger_kernel"] == "ignored"
    target = tmp_path / "recipe.toml"
    target.write_text(found.text)
    done = compile_recipe(target, offline=True)
    assert done.plan.segments == "all"
    assert done.plan.liger_kernel
    files = {row.file for row in (*done.dataset.train, *done.dataset.eval)}
    assert files == {"axolotl_correction_conversations.json", "axolotl_rag_conversations.jsonl"}
    assert "plugins" not in done.recipe.backend.axolotl
