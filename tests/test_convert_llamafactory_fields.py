"""The table of LLaMA-Factory's keys, and what the readers of its key table make of real values."""

from __future__ import annotations

import pytest

from ftc import backends
from ftc.backends import fields, schemas, versions
from ftc.convert import dialect
from ftc.convert.meaning import leaves
from ftc.convert.tables import look, put

NAME = "llamafactory"
VERSIONS = [line.version for line in versions.of(NAME)]
TABLE = fields.table(NAME)
KEYS = backends.get(NAME).KEYS
HELD = {name for key in KEYS if key.settings for name in key.natives}
SCHEMA = schemas.fields(NAME, VERSIONS[0])
SCHEMAS = {NAME: SCHEMA, "axolotl": schemas.fields("axolotl", "0.21.0")}
# What the tool makes of a key that its schema leaves open.
OPEN = {"tf32": False}


def read(**config):
    return backends.get(NAME).read(config, VERSIONS[0])


def heard(**config):
    return dialect.read(NAME, VERSIONS[0], config)


# ------------------------------------------------------------------------------------ the table


@pytest.mark.parametrize("version", VERSIONS)
def test_every_key_of_the_schema_has_an_entry_or_a_line(version):
    known = schemas.fields(NAME, version)
    assert len(known) > 300
    assert [name for name in known if name not in TABLE and name not in HELD] == []


def test_every_entry_names_a_key_that_a_version_has():
    known = {name for version in VERSIONS for name in schemas.fields(NAME, version)}
    assert [path for path in TABLE if path.partition(".")[0] not in known] == []


def test_entries_say_what_a_key_is():
    bare = [
        path
        for path, entry in TABLE.items()
        if not (entry.concept or entry.data or entry.kind) and path not in HELD
    ]
    assert bare == []


def test_keys_that_are_written_as_constants_have_entries():
    constants = {name for key in KEYS for name in key.natives} - HELD
    assert len(constants) > 15
    assert [name for name in constants if not _says(name)] == []


def _says(path):
    entry = TABLE[path]
    return bool(entry.concept or entry.data or entry.kind)


def test_needs_name_keys_with_entries_and_values_that_they_take():
    for path, entry in TABLE.items():
        for needed, wanted in entry.needs.items():
            assert needed in TABLE and needed in SCHEMA, path
            values = wanted if isinstance(wanted, list) else [wanted]
            for value in [] if wanted in (fields.ANY, fields.UNSET) else values:
                assert schemas.problems(NAME, VERSIONS[0], {needed: value}) == [], (path, value)


def test_defaults_are_those_of_the_schema():
    for path, entry in TABLE.items():
        if entry.default is not None:
            assert entry.default == OPEN.get(path, SCHEMA[path].get("default")), path


def test_words_are_values_of_the_key():
    for path, entry in TABLE.items():
        for word in entry.words:
            value = {"true": True, "false": False}.get(word, word)
            assert schemas.problems(NAME, VERSIONS[0], {path: value}) == [], (path, word)


def test_concepts_are_written_by_one_key_each():
    names = [entry.concept for entry in TABLE.values() if entry.concept]
    assert len(names) == len(set(names)) > 40


def test_reasons_are_for_the_reader():
    for path, entry in TABLE.items():
        if entry.kind is not None:
            assert entry.why is not None and 10 < len(entry.why) < 200, path
            assert entry.why[-1] != ".", path


# ------------------------------------------------------------------- every value of every key


def samples(path, backend=NAME):
    """Values that the schema takes: both booleans, all words, some numbers and text."""
    shape = SCHEMAS[backend][path.partition(".")[0]]
    if "." in path:
        return [0.5, 3]
    options = [shape, *shape.get("anyOf", [])]
    found = [word for option in options for word in option.get("enum", [])]
    kinds = {option.get("type") for option in options}
    found += [True, False] if "boolean" in kinds else []
    found += [1, 8] if kinds & {"integer", "number"} else []
    found += [0.25] if "number" in kinds else []
    found += ["some-name"] if "string" in kinds and not found else []
    found += [["some", "names"]] if "array" in kinds else []
    return [value for value in found if value is not None]


def whole(path, value, backend=NAME):
    """A config with a key, and with all that it needs to be read."""
    config = {"stage": "sft", "finetuning_type": "lora"} if backend == NAME else {}
    _require(config, backend, path)
    put(config, path, value)
    return config


def _require(config, backend, path):
    entry = fields.find(backend, path)
    for either, wanted in (entry.needs if entry else {}).items():
        needed = either.partition("|")[0]
        _require(config, backend, needed)
        if wanted == fields.UNSET:
            continue
        if wanted != fields.ANY:
            put(config, needed, wanted[0] if isinstance(wanted, list) else wanted)
        elif not look(config, needed):
            put(config, needed, samples(needed, backend)[0])


@pytest.mark.parametrize("path", [path for path in TABLE if not path.endswith("*")])
def test_every_value_of_every_key_is_accounted_for(path):
    entry = TABLE[path]
    for value in samples(path):
        found = heard(**whole(path, value))
        settled = found.settled.get(path)
        if settled is not None:
            assert settled.why and "does not know" not in settled.why, (value, settled)
            assert not settled.why.startswith("it is read only with"), (value, settled)
        else:
            assert path in found.heard or entry.data or isinstance(value, dict), value


NEEDS = [(path, needed) for path, entry in TABLE.items() for needed in entry.needs]


@pytest.mark.parametrize(("path", "needed"), NEEDS)
def test_keys_without_what_they_need_are_dead(path, needed):
    config = whole(path, (samples(path) or ["text"])[0])
    assert _alive(path, config)
    wanted = TABLE[path].needs[needed]
    values = wanted if isinstance(wanted, list) else [wanted]
    other = [value for value in [*samples(needed), "other"] if value not in values]
    config[needed] = None if wanted == fields.ANY else other[0]
    assert not _alive(path, config)


def _alive(path, config):
    note = heard(**config).settled.get(path)
    return note is None or not note.why.startswith("it is read only with")


def test_null_says_nothing():
    found = heard(stage="sft", resume_from_checkpoint=None, lora_alpha=None)
    assert {path: note.kind for path, note in found.settled.items()} == {
        "resume_from_checkpoint": "ignored",
        "lora_alpha": "ignored",
    }


def test_null_is_false_where_the_tool_would_take_true():
    assert heard(quantization_bit=4, double_quantization=None).values == {
        "quant_bits": 4,
        "bnb_4bit_use_double_quant": False,
    }


# ---------------------------------------------------------------------- what values people write


def test_lora_alpha_is_twice_the_rank_unless_it_is_said():
    assert read(lora_rank=12)["lora_alpha"] == 24
    assert read(lora_rank=12, lora_alpha=0)["lora_alpha"] == 24
    assert read(lora_rank=12, lora_alpha=6)["lora_alpha"] == 6
    assert read(lora_rank=12, finetuning_type="full")["lora_alpha"] is None
    left = dialect.implied(NAME, VERSIONS[0], {"stage": "sft", "finetuning_type": "lora"})
    assert (left["lora_rank"], left["lora_alpha"]) == (8, 16)


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("all", ("all-linear",)),
        (["all"], ("all-linear",)),
        ("q_proj, v_proj", ("q_proj", "v_proj")),
        (["q_proj", "v_proj"], ("q_proj", "v_proj")),
        ("q_proj", ("q_proj",)),
    ],
)
def test_targets(value, names):
    found = heard(finetuning_type="lora", lora_target=value)
    assert found.values["lora_targets"] == names
    wrote = dialect.write(NAME, VERSIONS[0], {"method": "lora", "lora_targets": names}).native
    assert read(**wrote)["lora_targets"] == names


@pytest.mark.parametrize("key", ["learning_rate", "warmup_steps", "lora_rank", "cutoff_len"])
def test_numbers_in_quotes_are_refused_as_by_the_tool(key):
    found = heard(stage="sft", **{key: "8"}).settled[key]
    assert found.kind == "untranslatable" and "no number" in found.why


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ({"flash_attn": "auto"}, {}),
        ({"flash_attn": "fa2"}, {"attention": "flash_attention_2"}),
        ({"flash_attn": "disabled"}, {"attention": "eager"}),
        ({"bf16": True}, {"dtype": "bf16"}),
        ({"fp16": True}, {"dtype": "fp16"}),
        ({"bf16": False}, {"dtype": "fp32"}),
        ({"pure_bf16": True, "finetuning_type": "full"}, {"dtype": "bf16", "method": "full"}),
        ({"finetuning_type": "lora", "quantization_bit": 4}, {"method": "qlora", "quant_bits": 4}),
        ({"finetuning_type": "freeze"}, {}),
        ({"finetuning_type": "oft"}, {}),
        ({"quantization_bit": 4, "quantization_method": "hqq"}, {}),
        ({"disable_gradient_checkpointing": False}, {"gradient_checkpointing": True}),
        (
            {"disable_gradient_checkpointing": True, "gradient_checkpointing": True},
            {"gradient_checkpointing": True},
        ),
        ({"use_liger_kernel": True}, {"liger_kernel": True}),
        ({"use_liger_kernel": False}, {}),
        ({"lr_scheduler_type": "polynomial"}, {"lr_scheduler": "polynomial"}),
        (
            {
                "lr_scheduler_type": "cosine_with_min_lr",
                "lr_scheduler_kwargs": {"min_lr_rate": 0.1},
            },
            {"lr_scheduler": "cosine", "min_lr_ratio": 0.1},
        ),
        (
            {
                "lr_scheduler_type": "cosine_with_min_lr",
                "lr_scheduler_kwargs": '{"min_lr_rate": 0.1}',
            },
            {"lr_scheduler": "cosine", "min_lr_ratio": 0.1},
        ),
        (
            {"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs": {"min_lr": 1e-6}},
            {"lr_scheduler": "cosine_with_min_lr", "lr_scheduler_kwargs.min_lr": 1e-6},
        ),
        ({"warmup_steps": 10}, {"warmup_steps": 10}),
        ({"warmup_steps": 0.1}, {"warmup_ratio": 0.1}),
        ({"warmup_steps": 10, "warmup_ratio": 0.1}, {"warmup_ratio": 0.1}),
        ({"max_steps": -1}, {}),
        ({"max_steps": 20}, {"max_steps": 20}),
        ({"eval_strategy": "steps", "eval_steps": 0.1}, {"eval_steps": 0.1}),
        ({"eval_strategy": "steps", "eval_steps": 50.0}, {"eval_steps": 50}),
        ({"eval_strategy": "steps"}, {"eval_steps": 500}),
        ({"eval_strategy": "steps", "logging_steps": 7}, {"eval_steps": 7, "logging_steps": 7}),
        ({"eval_strategy": "epoch", "eval_steps": 50}, {"evals_per_epoch": 1}),
        ({"eval_steps": 50}, {}),
        ({"save_steps": 0.25}, {"save_steps": 0.25}),
        ({"save_strategy": "epoch", "save_steps": 50}, {"saves_per_epoch": 1}),
        ({"save_strategy": "no"}, {"saves_per_epoch": 0}),
        ({"optim": "paged_lion_8bit"}, {"optimizer": "paged_lion_8bit"}),
        ({"optim": "adamw_torch", "use_muon": True}, {}),
        ({"packing": False}, {"packing": False}),
        ({"packing": True}, {}),
        ({"packing": True, "neat_packing": True}, {"packing": True}),
        ({"stage": "rm"}, {"stage": "reward"}),
        ({"stage": "dpo", "pref_loss": "orpo"}, {"stage": "orpo"}),
        ({"stage": "dpo", "pref_loss": "simpo"}, {"stage": "simpo"}),
        ({"stage": "dpo", "pref_loss": "ipo"}, {"stage": "dpo", "preference_loss": "ipo"}),
        ({"pref_loss": "ipo"}, {}),
        ({"seed": 7, "data_seed": 7}, {"seed": 7}),
        ({"seed": 7, "data_seed": 8}, {"seed": 7}),
        ({"use_cpu": False}, {}),
        ({"use_cpu": True}, {"device": "cpu"}),
        ({"model_revision": "main"}, {}),
        ({"deepspeed": "ds_z3.json"}, {"deepspeed": "ds_z3.json"}),
        ({"add_tokens": "<a>, <b>"}, {"add_tokens": ["<a>", "<b>"]}),
        ({"train_sampling_strategy": "group_by_length"}, {"group_by_length": True}),
        ({"pissa_init": True}, {"init_lora_weights": "pissa_niter_16"}),
    ],
)
def test_values_people_write(config, wanted):
    found = heard(**config)
    assert found.values == wanted
    assert found.heard.keys() | found.settled.keys() == {path for path, _ in leaves(config)}


@pytest.mark.parametrize(
    "config",
    [
        {"eval_strategy": False},
        {"save_strategy": False},
        {"eval_strategy": "steps", "eval_steps": "10"},
        {"bf16": True, "fp16": True},
        {"flash_attn": "flash_attention_2"},
        {"finetuning_type": "qlora"},
        {"stage": "grpo"},
        {"quantization_bit": 3},
        {"warmup_steps": -1},
        {"lora_target": 3},
    ],
)
def test_what_the_tool_refuses_is_refused(config):
    found = heard(**config)
    notes = [found.settled[path] for path in config if path in found.settled]
    assert any("cannot be read" in note.why and note.training for note in notes)


def test_documents_are_packed_unless_it_is_said():
    left = dialect.implied(NAME, VERSIONS[0], {"stage": "pt", "cutoff_len": 512})
    assert left["packing"] is True
    assert read(stage="pt", cutoff_len=512)["max_length"] == 512
    assert read(stage="pt", cutoff_len=513, packing=True)["max_length"] == 512
    assert dialect.implied(NAME, VERSIONS[0], {"stage": "sft"})["packing"] is False


def test_defaults_that_the_other_tool_does_not_share_are_implied():
    left = dialect.implied(NAME, VERSIONS[0], {"stage": "sft", "do_train": True})
    wanted = {
        "learning_rate": 5e-5,
        "lr_scheduler": "linear",
        "warmup_steps": 0,
        "epochs": 3.0,
        "micro_batch": 8,
        "eval_batch": 8,
        "max_length": 2048,
        "lora_dropout": 0.0,
        "save_steps": 500,
        "logging_steps": 500,
        "eval_steps": 0,
        "seed": 42,
        "optimizer": "adamw_torch_fused",
        "method": "lora",
        "tf32": False,
        "use_reentrant": True,
    }
    assert {name: left.get(name) for name in wanted} == wanted
    ratio = dialect.implied(NAME, VERSIONS[0], {"stage": "sft", "warmup_ratio": 0.1})
    assert "warmup_steps" not in ratio


# ------------------------------------------------------------------------------ the other tool

SHARED = sorted(
    path
    for path, entry in TABLE.items()
    if entry.concept and dialect.place("axolotl", "0.21.0", entry.concept)
)


def test_the_tools_share_concepts():
    assert len(SHARED) > 30


@pytest.mark.parametrize("path", SHARED)
def test_a_shared_concept_means_the_same_in_both_tools(path):
    concept = TABLE[path].concept
    for value in samples(path):
        meant = heard(**whole(path, value)).values
        if concept not in meant:
            continue
        made = dialect.write("axolotl", "0.21.0", {concept: meant[concept]})
        lost = made.lost.get(concept)
        if lost is not None and lost.kind == "untranslatable":
            continue
        there = dict(made.native)
        for held in made.held[concept]:
            _require(there, "axolotl", held)
        there |= made.native
        again = dialect.read("axolotl", "0.21.0", there)
        assert again.values.get(concept) == meant[concept], (value, there, again)
