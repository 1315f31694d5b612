"""Models are looked up in a folder, the hub cache or the catalogue, and read for what they are."""

import dataclasses
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import small_models

from ftc import recipe
from ftc.errors import FtcError
from ftc.facts import architecture, family, model
from ftc.memory.modules import parameters

DATA = Path(__file__).parent / "data"
CONFIGS = tomllib.loads((DATA / "configs.toml").read_text("utf-8"))
ROWS = {row["ids"][0]: row for row in model.catalogued()}


def gather(folder, model_id, offline=True, **more):
    return model.gather(recipe.Model(id=model_id, **more), folder, offline)


@pytest.fixture(autouse=True)
def empty_hub_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.mark.parametrize("case", CONFIGS["config"], ids=lambda case: case["why"])
def test_config(tmp_path, case):
    config = {key: None if value == "null" else value for key, value in case["config"].items()}
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.json").write_text(json.dumps(config))
    found = gather(tmp_path, "m")
    said = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in case["shape"].items()
    }
    assert dataclasses.asdict(found.shape).items() >= said.items()
    named = {*said, "modules"}
    for field in dataclasses.fields(found.shape):
        if field.name not in named:
            assert getattr(found.shape, field.name) == field.default, field.name
    standard = architecture.known()["standard"]["modules"]
    assert list(found.linear_modules) == case.get("modules", standard)
    assert case.get("remark", "") in found.source
    assert ("; " in found.source.replace("; it has no", "")) == ("remark" in case)
    assert found.tokenizer is None
    assert "no tokenizer.json" in found.source


@pytest.mark.parametrize("case", CONFIGS["bad"], ids=lambda case: case["error"])
def test_bad_config(tmp_path, case):
    (tmp_path / "config.json").write_text(json.dumps(case["config"]))
    with pytest.raises(FtcError, match=case["error"]) as caught:
        gather(tmp_path, ".")
    assert str(tmp_path / "config.json") in str(caught.value)
    assert case.get("hint", "") in caught.value.hint


@pytest.mark.parametrize("name", small_models.FAMILIES)
def test_family_by_template_tokens_and_type(tmp_path, name):
    row = small_models.FAMILIES[name]
    found = gather(tmp_path, str(small_models.make(tmp_path / "m", name)))
    assert found.family is not None
    assert found.family.name == name
    template = small_models.template_of(name)
    end = found.family.turn_end
    assert end in template or (end == row["eos"] and "eos_token" in template)
    tokens = found.tokenizer
    assert (tokens.default_system, tokens.system_turns) == (row["injects"], row["system"])
    assert (tokens.bos, tokens.eos, tokens.adds_bos) == (row["bos"], row["eos"], row["adds_bos"])
    assert tokens.chat_template == template
    assert (found.folder, found.id) == (tmp_path / "m", str(tmp_path / "m"))


@pytest.mark.parametrize(
    ("tokens", "model_type", "model_id", "name"),
    [
        (["<|eot_id|>", "<|start_header_id|>"], "llama", "x", "llama3"),
        (["<start_of_turn>", "<end_of_turn>"], "gemma2", "x", "gemma"),
        (["<|im_start|>", "<|im_end|>"], "llama", "x", "chatml"),
        ([], "qwen2", "x", "qwen2.5"),
        ([], "qwen3", "x", "qwen3"),
        ([], "llama", "meta-llama/Llama-2-7b-hf", "llama2"),
        ([], "llama", "meta-llama/Meta-Llama-3-8B", "llama3"),
        ([], "mistral", "x", "mistral"),
        ([], "llama", "x", None),
        ([], "", "", None),
    ],
)
def test_family_of_a_base_model(tokens, model_type, model_id, name):
    found = family.recognise("", tokens, model_type, model_id)
    assert (found.name if found else None) == name


def test_unknown_template_has_no_family_whatever_the_type():
    assert family.recognise("{{ messages[0].content }}", ["<|eot_id|>"], "llama", "llama-3") is None


def test_families_have_names_of_their_own():
    assert len(set(family.names())) == len(family.names())
    assert [family.named(name).name for name in family.names()] == family.names()


def test_family_of_the_recipe_wins(tmp_path):
    folder = small_models.make(tmp_path / "m")
    assert gather(tmp_path, str(folder), family="llama3").family.name == "llama3"
    with pytest.raises(FtcError, match=r"model\.family: unknown family 'lama3'") as caught:
        gather(tmp_path, str(folder), family="lama3")
    assert caught.value.hint == "did you mean llama3?"


def test_chat_template_in_a_file_of_its_own_wins(tmp_path):
    folder = small_models.make(tmp_path / "m", "chatml")
    (folder / "chat_template.jinja").write_text(small_models.template_of("llama3"), "utf-8")
    assert gather(tmp_path, "m").family.name == "llama3"


def test_chat_template_among_several(tmp_path):
    folder = small_models.make(tmp_path / "m", "chatml", template="")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    names = {"default": "chatml", "tool_use": "qwen2.5"}
    config["chat_template"] = [
        {"name": name, "template": small_models.template_of(fam)} for name, fam in names.items()
    ]
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    found = gather(tmp_path, "m").tokenizer.chat_template
    assert found == small_models.template_of("chatml")


def test_special_tokens_as_objects_and_in_their_own_file(tmp_path):
    folder = small_models.make(tmp_path / "m", "llama3")
    (folder / "tokenizer_config.json").write_text("{}")
    special = {"bos_token": {"content": "<|begin_of_text|>"}, "eos_token": "<|eot_id|>"}
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    tokens = gather(tmp_path, "m").tokenizer
    assert (tokens.bos, tokens.eos, tokens.adds_bos) == ("<|begin_of_text|>", "<|eot_id|>", True)
    assert tokens.chat_template == ""


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000], ids=["broken", "list", "deep"])
def test_broken_model_files(tmp_path, name, text):
    folder = small_models.make(tmp_path / "m")
    (folder / name).write_text(text)
    with pytest.raises(FtcError, match=name):
        gather(tmp_path, "m")


def test_folder_without_config(tmp_path):
    with pytest.raises(FtcError, match=r"has no config\.json") as caught:
        gather(tmp_path, ".")
    assert "config.json, tokenizer.json and the weights" in caught.value.hint
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(FtcError) as caught:
        gather(tmp_path, ".")
    assert "adapter" in caught.value.hint


def test_path_that_is_not_there(tmp_path):
    small_models.make(tmp_path / "models" / "smol")
    with pytest.raises(FtcError, match=r"model\.id: no folder") as caught:
        gather(tmp_path, "./models/smoll")
    assert caught.value.hint == f"did you mean {tmp_path / 'models' / 'smol'}?"


@pytest.mark.parametrize("name", ["m.gguf", "m.safetensors"])
def test_file_instead_of_a_folder(tmp_path, name):
    (tmp_path / name).write_text("x")
    with pytest.raises(FtcError, match="is a file, not a model folder"):
        gather(tmp_path, name)


def test_neither_folder_nor_id(tmp_path):
    with pytest.raises(FtcError, match="neither a folder nor a hub id"):
        gather(tmp_path, "what is this")


@pytest.mark.parametrize("model_id", ROWS)
def test_catalogue_has_the_published_size(tmp_path, model_id):
    row = ROWS[model_id]
    found = gather(tmp_path, model_id)
    _, _, decimals = row["published_b"].partition(".")
    rounding = 0.5 * 10.0 ** -len(decimals)
    assert abs(parameters(found.shape) / 1e9 - float(row["published_b"])) <= rounding + 1e-9
    assert (found.tokenizer, found.folder) == (None, None)
    assert "catalogue" in found.source
    assert set(found.shape.guessed) <= {"attention", "recurrent blocks", "vision"}
    assert found.shape.max_positions > 0
    assert (found.family.name if found.family else "") == row["family"]


def test_catalogue_says_where_its_numbers_come_from():
    assert len(ROWS) >= 60
    assert len(model.catalogue()) == sum(len(row["ids"]) for row in ROWS.values())
    for row in ROWS.values():
        assert row["source"].startswith(("config.json of ", "arXiv:"))
        assert row["checked"]


def test_unknown_id_offline(tmp_path):
    found = gather(tmp_path, "Qwen/Qwen2.5-7B-Instrct")
    assert (found.shape, found.tokenizer, found.family) == (None, None, None)
    assert "did you mean Qwen/Qwen2.5-7B-Instruct?" in found.source


def cache(tmp_path, reference="main"):
    """A hub cache as huggingface_hub lays it out, with one model in it."""
    repo = tmp_path / "hub" / "models--acme--tiny"
    small_models.make(repo / "snapshots" / "abc123")
    (repo / "refs").mkdir()
    (repo / "refs" / reference).write_text("abc123")


@pytest.mark.parametrize("revision", [None, "main", "abc123"])
def test_model_in_the_hub_cache(tmp_path, revision):
    cache(tmp_path)
    found = gather(tmp_path, "acme/tiny", revision=revision)
    assert (found.id, found.revision, found.family.name) == ("acme/tiny", revision, "chatml")
    assert found.source == "config.json from the hub cache"


def test_other_revision_is_not_in_the_hub_cache(tmp_path):
    cache(tmp_path)
    assert gather(tmp_path, "acme/tiny", revision="v2").shape is None


def test_unreachable_hub_is_not_fatal(tmp_path):
    code = (
        "from pathlib import Path; from ftc import recipe; from ftc.facts import model\n"
        "found = model.gather(recipe.Model(id='acme/tiny'), Path('.'), False)\n"
        "print(found.shape, found.source)"
    )
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    environment |= {"PYTHONPATH": str(Path(architecture.__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    said = "None not looked up (the hub cannot be reached), and not in the catalogue\n"
    assert (done.stdout, done.stderr) == (said, "")
