"""What is rendered holds every native value, says where it comes from, and names what is wrong."""

from __future__ import annotations

import json
import math
import subprocess

import pytest
import yaml
from backends import plans
from hypothesis import given
from hypothesis import strategies as st

from ftc import backends, render
from ftc.backends import deepspeed
from ftc.errors import FtcError

TOOLS = [("axolotl", "0.19.0"), ("axolotl", "0.21.0"), ("llamafactory", "0.9.5")]
MATRIX = plans.matrix()
PARSE = {"axolotl": yaml.safe_load, "llamafactory": json.loads}
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
# YAML 1.1 has no way to write these without an escape that its own reader refuses.
YAML_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"]))
YAML_PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | YAML_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(YAML_TEXT, inner),
    max_leaves=8,
)


@pytest.mark.parametrize(("name", "version"), TOOLS)
def test_a_rendered_config_parses_to_the_native_one(name, version):
    backend = backends.get(name)
    for case, plan in MATRIX.items():
        config = backend.native(plan, version)
        text = backend.artifacts(plan, config, version)[backend.CONFIG]
        assert PARSE[name](text) == config, case


@pytest.mark.parametrize(("name", "version"), TOOLS)
def test_keys_that_no_group_names_are_rendered_too(name, version):
    backend = backends.get(name)
    config = backend.native(plans.base(), version)
    config |= {"brand_new_key": [1, {"a": None}], "another: key": "no", "rows": [{"x": 1e-5}]}
    files = backend.artifacts(plans.base(), config, version)
    assert PARSE[name](files[backend.CONFIG]) == config
    if name == "llamafactory":
        assert "brand_new_key" in files["EXPLAIN.md"]
    else:
        assert "# Other" in files[backend.CONFIG]


@pytest.mark.parametrize(("name", "version"), TOOLS)
def test_every_key_that_ftc_writes_stands_in_a_group(name, version):
    backend = backends.get(name)
    every = {}
    for plan in MATRIX.values():
        every |= backend.native(plan, version)
    files = backend.artifacts(plans.base(), every, version)
    assert "Other" not in files["EXPLAIN.md" if name == "llamafactory" else backend.CONFIG]


def test_json_is_yaml_with_the_same_numbers():
    backend = backends.get("llamafactory")
    config = backend.native(plans.matrix()["single tiny-rates"], "0.9.5")
    text = backend.artifacts(plans.base(), config, "0.9.5")[backend.CONFIG]
    assert yaml.safe_load(text) == config
    assert text.isascii()


def test_values_say_where_they_come_from():
    files = backends.get("axolotl").artifacts(
        plans.base(), backends.get("axolotl").native(plans.base(), "0.21.0"), "0.21.0"
    )
    line = next(line for line in files["axolotl.yaml"].splitlines() if "learning_rate" in line)
    assert line.endswith("# learning_rate: a guide | says so in two lines")
    backend = backends.get("llamafactory")
    files = backend.artifacts(plans.base(), backend.native(plans.base(), "0.9.5"), "0.9.5")
    row = next(line for line in files["EXPLAIN.md"].splitlines() if line.startswith("| learning_"))
    assert row == ("| learning_rate | `0.0002` | learning_rate: a guide \\| says so in two lines |")


@pytest.mark.parametrize(("name", "version"), TOOLS)
def test_the_files_of_a_build(name, version):
    backend = backends.get(name)
    plan = plans.base(zero_stage=2, gpus=2, effective_batch=16)
    files = backend.artifacts(plan, backend.native(plan, version), version)
    common = {"run.sh", "deepspeed.json"}
    own = {"axolotl": {"axolotl.yaml"}}.get(
        name, {"llamafactory.json", "EXPLAIN.md", "dataset_info.json"}
    )
    assert files.keys() == common | own
    assert all(text.endswith("\n") and not text.endswith("\n\n") for text in files.values())
    assert files == backend.artifacts(plan, backend.native(plan, version), version)
    done = subprocess.run(["bash", "-n"], input=files["run.sh"], text=True, check=False)
    assert done.returncode == 0
    assert "deepspeed.json" not in backend.artifacts(
        plans.base(), backend.native(plans.base(), version), version
    )


def test_a_launch_script_takes_as_many_cards_as_the_plan():
    plan = plans.base(zero_stage=3, gpus=4, effective_batch=32)
    factory = backends.get("llamafactory")
    script = factory.artifacts(plan, factory.native(plan, "0.9.5"), "0.9.5")["run.sh"]
    assert "NPROC_PER_NODE=4" in script and "0,1,2,3" in script and "FORCE_TORCHRUN=1" in script
    axolotl = backends.get("axolotl")
    script = axolotl.artifacts(plan, axolotl.native(plan, "0.21.0"), "0.21.0")["run.sh"]
    assert "--num_processes 4" in script
    plan = plans.base(device="cpu", dtype="fp32", tf32=False)
    script = axolotl.artifacts(plan, axolotl.native(plan, "0.21.0"), "0.21.0")["run.sh"]
    assert "FTC_DEVICE=cpu" in script


@pytest.mark.parametrize("stage", [1, 2, 3])
@pytest.mark.parametrize("offload", [False, True])
def test_deepspeed_reads_back(stage, offload):
    plan = plans.base(zero_stage=stage, offload_optimizer=offload)
    told = deepspeed.read(json.loads(deepspeed.text(plan)))
    assert told == {"zero_stage": stage, "offload_optimizer": offload}


def test_dataset_info_names_every_tag_and_the_columns_of_the_rows():
    backend = backends.get("llamafactory")
    for case, plan in MATRIX.items():
        text = backend.artifacts(plan, backend.native(plan, "0.9.5"), "0.9.5")["dataset_info.json"]
        info = json.loads(text)
        assert info.keys() == ({"train", "eval"} if plan.eval_steps else {"train"}), case
        for entry in info.values():
            assert entry["formatting"] != "openai"
            assert len(entry.get("tags", range(7))) == 7
            assert entry["ranking"] is (plan.stage in ("dpo", "orpo"))


def test_a_team_template_wins(tmp_path):
    (tmp_path / "axolotl").mkdir()
    (tmp_path / "axolotl" / "axolotl.yaml.j2").write_text(
        "# ours\n{% for key, value in native.items() %}{{ key | yaml }}: {{ value | yaml }}\n"
        "{% endfor %}"
    )
    backend = backends.get("axolotl")
    config = backend.native(plans.base(), "0.21.0")
    text = backend.artifacts(plans.base(), config, "0.21.0", tmp_path)["axolotl.yaml"]
    assert text.startswith("# ours\n")
    assert yaml.safe_load(text) == config


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("base_model: x\n", "loses or changes"),
        ("{{ native.nothing }}\n", "has no attribute 'nothing'"),
        ("{% for %}\n", "axolotl.yaml.j2:1"),
        ("a: [\n", "cannot be parsed"),
        ("- 1\n", "loses or changes"),
        ("{% include 'missing.j2' %}", "missing.j2 is missing"),
    ],
)
def test_a_broken_team_template_is_named(tmp_path, template, said):
    (tmp_path / "axolotl").mkdir()
    (tmp_path / "axolotl" / "axolotl.yaml.j2").write_text(template)
    backend = backends.get("axolotl")
    config = backend.native(plans.base(), "0.21.0")
    with pytest.raises(FtcError) as error:
        backend.artifacts(plans.base(), config, "0.21.0", tmp_path)
    assert said in str(error.value)
    assert error.value.hint


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-4, "0.0001"),
        (1e-5, "1.0e-05"),
        (2e20, "2.0e+20"),
        ("no", "'no'"),
        ("off", "'off'"),
        ("1e-5", '"1e-5"'),
        ("", "''"),
        (None, "null"),
        (True, "true"),
        ("two\nlines", '"two\\nlines"'),
        ([1, "a"], "[1, a]"),
        ({"a": [True, None]}, "{a: [true, null]}"),
        ("<|im_end|>", "<|im_end|>"),
        ("Grüße", "Grüße"),
    ],
)
def test_yaml_values(value, text):
    assert render.yaml_value(value) == text


@given(YAML_PLAIN)
def test_yaml_values_read_back_from_one_line(value):
    text = render.yaml_value(value)
    assert len(text.splitlines()) <= 1
    assert yaml.safe_load(f"key: {text}\n")["key"] == value


@given(PLAIN)
def test_json_values_read_back(value):
    if _finite(value):
        assert json.loads(render.json_value(value)) == value
        assert json.loads(render.json_value(value, indent=2)) == value
        assert yaml.safe_load(render.json_value(value)) == value


def _finite(value):
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    return all(map(_finite, value)) if isinstance(value, list) else True


def test_small_floats_are_numbers_to_yaml():
    assert render.json_value(1e-05) == "1.0e-05"
    assert render.json_value(-2e-07) == "-2.0e-07"
    assert yaml.safe_load(render.json_value(1e-05)) == 1e-05
