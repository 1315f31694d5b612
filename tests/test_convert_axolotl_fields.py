"""Every key of Axolotl's schemas has a line of its own, and the lines hold what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from ftc import backends
from ftc.backends import fields, schemas, versions
from ftc.backends.axolotl import KEYS
from ftc.backends.fields import ANY
from ftc.convert import dialect
from ftc.convert.tables import has, look, put

AXOLOTL, OTHER = "axolotl", "llamafactory"
VERSIONS = [line.version for line in versions.of(AXOLOTL)]
NEWEST = VERSIONS[0]
OTHERS = versions.find(OTHER).version
TABLE = fields.table(AXOLOTL)
HELD = {name for key in KEYS if key.settings for name in key.natives}
# What Axolotl's code does where the key is left out, beyond what its schema says.
BY_CODE = {
    "warmup_ratio": "core/builders/base.py: 3 %, at most 100 steps",
    "seed": "the trainer's",
    "save_strategy": "core/builders/base.py",
    "save_total_limit": "core/builders/base.py",
    "rl_beta": "TRL's",
    "gradient_accumulation_steps": "the schema's, read from its default",
}


def shape(version: str) -> dict[str, Any]:
    return dict(schemas._load(AXOLOTL, version))


def all_fields(version: str) -> dict[str, Any]:
    """Keys of the schema and of every plugin, each with its shape."""
    whole = shape(version)
    parts = [part for part in whole["x-plugins"].values() if part]
    found = dict(whole["properties"])
    for part in parts:
        for name, one in part["properties"].items():
            found.setdefault(name, one)
    return found


def definitions(version: str) -> dict[str, Any]:
    whole = shape(version)
    parts = [part for part in whole["x-plugins"].values() if part]
    return {name: one for part in (whole, *parts) for name, one in part.get("$defs", {}).items()}


def nested(version: str) -> Iterator[str]:
    """Paths of the keys inside tables whose keys the schema names."""
    known = {"$defs": definitions(version)}

    def below(one: dict[str, Any], path: str) -> Iterator[str]:
        for plain in schemas._alternatives(known, one):
            for name, inner in plain.get("properties", {}).items():
                yield f"{path}.{name}"
                yield from below(inner, f"{path}.{name}")
            if "items" in plain:
                yield from below(plain["items"], f"{path}[]")

    for name, one in all_fields(version).items():
        yield from below(one, name)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_key_has_an_entry_or_a_line_of_the_key_table(version):
    found = all_fields(version)
    assert len(found) > 390
    missing = [name for name in found if name not in TABLE and name not in HELD]
    assert not missing, f"say in fields/axolotl.toml what these are: {missing}"


@pytest.mark.parametrize("version", VERSIONS)
def test_every_key_inside_a_table_has_an_entry(version):
    paths = set(nested(version))
    assert len(paths) > 200
    missing = sorted(path for path in paths if fields.find(AXOLOTL, path) is None)
    assert not missing, f"say in fields/axolotl.toml what these are: {missing}"


def test_every_entry_is_a_key_of_some_version():
    heads = {name for version in VERSIONS for name in all_fields(version)}
    inside = {path for version in VERSIONS for path in nested(version)}
    named = {path.rpartition(".")[0] for path in inside}
    strange = [path for path in TABLE if re.split(r"[.\[]", path)[0] not in heads]
    for path in TABLE:
        if path.rpartition(".")[0] in named and not path.endswith(".*") and path not in inside:
            strange.append(path)
    assert not strange


def test_since_and_until_are_those_of_the_schemas():
    have = {version: all_fields(version) for version in VERSIONS}
    wrong = []
    for path, entry in TABLE.items():
        head = re.split(r"[.\[]", path)[0]
        there = [version for version in VERSIONS if head in have[version]]
        if [version for version in VERSIONS if has(entry, version)] != there:
            wrong.append(path)
    assert not wrong


def test_what_an_entry_needs_is_there():
    heads = {name for version in VERSIONS for name in all_fields(version)}
    plugins = {name for version in VERSIONS for name in shape(version)["x-plugins"]}
    for path, entry in TABLE.items():
        for either, wanted in entry.needs.items():
            assert set(either.split("|")) <= heads, path
            needed = either.split("|")[0]
            if needed == "plugins":
                assert wanted in plugins, path
            shaped = all_fields(NEWEST).get(needed, {})
            kinds = {each.get("type") for each in schemas._alternatives(shape(NEWEST), shaped)}
            if isinstance(wanted, bool) and needed != "rl":
                assert "boolean" in kinds, (path, needed)


def test_plugin_keys_need_their_plugin():
    top = set(shape(NEWEST)["properties"]) | set(shape(VERSIONS[-1])["properties"])
    for plugin, part in shape(NEWEST)["x-plugins"].items():
        for name in part["properties"] if part else ():
            if name not in top and name != "mora":  # mora needs its adapter
                assert TABLE[name].needs.get("plugins") == plugin, name


def test_defaults_are_those_of_the_schema():
    wrong = {}
    for version in VERSIONS:
        for path, one in all_fields(version).items():
            entry, default = TABLE.get(path), one.get("default")
            if entry is None or entry.default is None or path in BY_CODE or default is None:
                continue
            if entry.default != default:
                wrong[version, path] = (entry.default, default)
    assert not wrong


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_left_out_is_said_in_full(version):
    """Read in core/builders/base.py and utils/config/__init__.py of both versions."""
    told = dialect.implied(AXOLOTL, version, {"base_model": "m", "learning_rate": 1e-4})
    expected = {
        "method": "full",
        "quant_bits": 0,
        "dtype": "bf16",
        "tf32": True,
        "optimizer": "adamw_torch_fused",
        "lr_scheduler": "cosine",
        "warmup_ratio": 0.03,
        "epochs": 1.0,
        "micro_batch": 1,
        "gradient_accumulation": 1,
        "gradient_checkpointing": False,
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "seed": 42,
        "saves_per_epoch": 1,
        "save_total_limit": 4,
    }
    assert {name: told.get(name) for name in expected} == expected
    assert not {"lora_dropout", "preference_beta", "warmup_steps", "neftune_alpha"} & told.keys()


def test_warm_up_steps_leave_no_share():
    for steps in (0, 10):
        told = dialect.implied(AXOLOTL, NEWEST, {"base_model": "m", "warmup_steps": steps})
        assert "warmup_ratio" not in told


# ------------------------------------------------------------------------- the other tool's table


def context(tool: str, path: str) -> dict[str, Any]:
    """A config in which the tool reads this key."""
    entry = fields.find(tool, path)
    found: dict[str, Any] = {}
    needs = {key.split("|")[0]: value for key, value in (entry.needs if entry else {}).items()}
    for needed in needs:
        found |= context(tool, needed)
    for needed, value in needs.items():
        first = value[0] if isinstance(value, list) else value
        if first == ANY:
            first = found.get(needed) or sample(tool, needed)
        if first not in (False, "unset"):
            found[needed] = [f"axolotl.{first}"] if needed == "plugins" else first
    return found


def sample(tool: str, path: str) -> Any:
    version = NEWEST if tool == AXOLOTL else OTHERS
    whole = schemas._load(tool, version)
    for one in schemas._alternatives(whole, schemas.fields(tool, version).get(path, {})):
        if "enum" in one:
            return one["enum"][0]
        found = {"boolean": True, "integer": 3, "number": 0.25, "array": ["a", "b"]}
        if one.get("type") in found:
            return found[one["type"]]
    return "adamw" if path == "adapter_name_or_path" else "a"


def shared() -> list[str]:
    theirs = {entry.concept for entry in fields.table(OTHER).values() if entry.concept}
    held = {name for key in backends.get(OTHER).KEYS for name in key.settings}
    return [
        path for path, entry in TABLE.items() if entry.concept in theirs | held and not entry.old
    ]


SAMPLES: dict[str, list[Any]] = {
    "bnb_config_kwargs.bnb_4bit_quant_type": ["nf4", "fp4"],
    "bnb_config_kwargs.bnb_4bit_use_double_quant": [True, False],
    "gradient_checkpointing_kwargs.use_reentrant": [True, False],
    "peft_init_lora_weights": [True, "pissa_niter_16"],
    "special_tokens.additional_special_tokens": [["<a>", "<b>"]],
    "evals_per_epoch": [1],  # other numbers become shares of the steps, which takes the epochs
    "saves_per_epoch": [1],
    "eval_strategy": ["epoch"],
    "save_strategy": ["no", "epoch", "best"],
}


def samples(path: str) -> list[Any]:
    one = sample(AXOLOTL, path)
    return SAMPLES.get(path) or ([True, False] if isinstance(one, bool) else [one])


def test_the_tables_share_concepts():
    assert len(shared()) > 40


@pytest.mark.parametrize("path", shared())
def test_a_shared_concept_means_the_same_there_and_back(path):
    concept = TABLE[path].concept
    for value in samples(path):
        config = context(AXOLOTL, path)
        put(config, path, value)
        told = dialect.read(AXOLOTL, NEWEST, config).values
        assert concept in told, (path, value)
        there = dialect.write(OTHER, OTHERS, {concept: told[concept]})
        held = there.held.get(concept)
        assert held, (path, value, there.lost)
        native = there.native
        for key in held:
            native = context(OTHER, key) | native
        back = dialect.read(OTHER, OTHERS, native).values
        assert back.get(concept) == told[concept], (path, value, native)
        again = dialect.write(AXOLOTL, NEWEST, {concept: back[concept]}).native
        if look(again, path) != value:  # another key that says the same
            again = {**config, **again}
            put(again, path, None)
            assert dialect.read(AXOLOTL, NEWEST, again).values.get(concept) == told[concept]


def test_no_concept_is_written_by_two_keys():
    written: dict[str, list[str]] = {}
    for path, entry in TABLE.items():
        if entry.concept and not entry.old and not entry.closed:
            written.setdefault(entry.concept, []).append(path)
    settings = {name for key in KEYS for name in key.settings}
    assert not {name: paths for name, paths in written.items() if len(paths) > 1}
    assert not settings & written.keys()
