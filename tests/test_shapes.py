"""Parameters and linear layers are those of the real classes, for every type and every model."""

import json
import runpy
import subprocess
import tomllib
from pathlib import Path

import pytest

from ftc.facts import architecture, model
from ftc.memory.modules import kinds, parameters, targeted
from ftc.run import environments

HERE = Path(__file__).parent
SMALL = {
    "hidden_size": 96,
    "intermediate_size": 176,
    "num_hidden_layers": 5,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 600,
    "head_dim": 16,
    "max_position_embeddings": 512,
    "pad_token_id": 0,
}
CASES = tomllib.loads((HERE / "data" / "shapes.toml").read_text("utf-8"))
KINDS = [kind for kind in architecture.known() if kind != "standard"]
ABOUT = ("ids", "source", "checked", "family", "published_b")


def small(kind):
    """A config of this type with sizes that differ from each other and from the defaults."""
    fixed = architecture.known()[kind].get("fixed", ())
    return {
        "model_type": kind,
        **{key: value for key, value in SMALL.items() if key not in fixed},
        **CASES["needs"].get(kind, {}),
    }


def switched(kind):
    """The same with every yes and no that the table reads set against its default."""
    row = architecture.known()[kind]
    standard = architecture.known()["standard"]
    keys = {value for field, value in {**standard, **row}.items() if isinstance(value, str)}
    usual = row.get("defaults", {})
    named = {key for key in keys if key not in ("plain", "falcon") and key.islower()}
    flags = {key for key in named if "bias" in key or "norm" in key or "parallel" in key}
    return small(kind) | {key: not usual.get(key, False) for key in sorted(flags)}


def without(config, key):
    return {name: value for name, value in config.items() if name != key}


def given(case):
    base = {} if "text_config" in case else small(case["model_type"])
    whole = base | case
    return {key: None if value == "null" else value for key, value in whole.items()}


def real():
    """The config of every row of the catalogue, by its first id."""
    made = {}
    for row in model.catalogued():
        config = {key: value for key, value in row.items() if key not in ABOUT}
        if config["model_type"] == "exaone4" and config["sliding_window"] is None:
            config["layer_types"] = ["full_attention"] * config["num_hidden_layers"]
        if "vision" in architecture.shape(config, "catalogue").guessed:
            config = config["text_config"]  # the tower is not counted, and said to be not
        made[row["ids"][0]] = config
    return made


def configs():
    made = {kind: small(kind) for kind in KINDS}
    made |= {f"{kind}, switched": switched(kind) for kind in KINDS}
    made |= {
        f"{kind}, no positions": without(small(kind), "max_position_embeddings") for kind in KINDS
    }
    made |= {
        f"{case['model_type']}, variant {number}": given(case)
        for number, case in enumerate(CASES["variant"])
    }
    return made | real()


def ours(name, config):
    shape = architecture.shape(config, name)
    blocks = []
    for count, dense, other in kinds(shape):
        layers = sorted(
            [module, linear.inputs, linear.outputs]
            for module in shape.modules
            for linear in targeted(shape, (module,), dense=dense, other=other)
        )
        blocks.append([count, layers])
    return {
        "parameters": parameters(shape),
        "blocks": sorted(blocks),
        "tied": shape.tied,
        "max_positions": shape.max_positions,
        "sliding": shape.sliding_layers,
    }


@pytest.mark.backend
@pytest.mark.parametrize("backend", ["llamafactory", "axolotl"])
def test_shapes_are_those_of_transformers(tmp_path, backend):
    environment = environments.require(backend)
    asked = configs()
    (tmp_path / "configs.json").write_text(json.dumps(asked))
    files = [str(tmp_path / name) for name in ("configs.json", "answers.json")]
    oracle = HERE / "shape_oracle.py"
    subprocess.run([environment.python, oracle, *files], check=True, capture_output=True)
    built = json.loads((tmp_path / "answers.json").read_text())
    assert len(built) == len(asked) > 2 * len(KINDS)
    found = {name: ours(name, config) for name, config in asked.items()}
    wrong = {name: (mine, built[name]) for name, mine in found.items() if mine != built[name]}
    assert not wrong


def test_page_of_models_is_up_to_date():
    """If not: `python tools/models_page.py`."""
    tool = runpy.run_path(str(HERE.parent / "tools" / "models_page.py"))
    assert tool["PAGE"].read_text("utf-8") == tool["page"]()
