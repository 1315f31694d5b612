"""A config is told by its keys; what trains nothing is refused with its kind, not with its name."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftc.backends import versions
from ftc.convert import kinds, source
from ftc.errors import FtcError

FOLDER = Path(__file__).parent / "convert" / "source"
CASES = tomllib.loads((FOLDER / "kinds.toml").read_text("utf-8"))["case"]


def parsed(text, form="yaml"):
    return source.parse(text, Path(f"config.{form}"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_kinds(case):
    read = parsed(case["text"], case.get("form", "yaml"))
    kind = kinds.of(read)
    assert (kind.tool, kind.what) == (case["tool"], case["what"]), kind
    assert kind.why
    if "says" not in case:
        assert kinds.training(read) == case["tool"]
        return
    with pytest.raises(FtcError) as caught:
        kinds.training(read)
    assert case["says"] in str(caught.value)
    assert str(caught.value).startswith(str(read.path))
    assert caught.value.hint


def test_a_config_without_do_train_says_that_nothing_is_trained_yet():
    text = "model_name_or_path: a\ndataset: b\nlearning_rate: 1e-4\n"
    assert "do_train is left out" in kinds.of(parsed(text)).why
    assert kinds.of(parsed(f"{text}do_train: false\n")).what == "inference"


def test_each_kind_has_its_case_and_its_hint():
    told = {(case["tool"], case["what"]) for case in CASES}
    assert {(tool, what) for tool, what, _ in kinds.others()} <= told
    assert set(versions.BACKENDS) < set(kinds.TOOLS)


def test_what_every_recipe_and_build_is():
    shipped = sorted((Path(__file__).parents[1] / "recipes").rglob("*.toml"))
    assert shipped
    for path in shipped:
        assert kinds.training(source.read(path)) == "recipe", path
    golden = Path(__file__).parent / "golden"
    for name, kind in {
        "axolotl.yaml": ("axolotl", "training"),
        "llamafactory.json": ("llamafactory", "training"),
        "dataset_info.json": ("llamafactory", "dataset_info"),
    }.items():
        found = sorted(golden.rglob(name))
        assert found
        for path in found:
            read = kinds.of(source.read(path))
            assert (read.tool, read.what) == kind, path


KEYS = sorted(
    {"base_model", "model_name_or_path", "model", "data", "dataset", "datasets", "export_dir"}
    | {"peft_config", "zero_optimization", "do_train", "task", "lang", "num_processes"}
)


@given(
    st.dictionaries(
        st.sampled_from(KEYS) | st.text(min_size=1, max_size=5),
        st.none() | st.booleans() | st.just("a") | st.just({"a": 1}) | st.just([]),
        min_size=1,
    )
)
def test_any_table_is_of_some_kind(values):
    read = source.Source(Path("config"), "yaml", values, {}, {}, "")
    kind = kinds.of(read)
    try:
        assert kinds.training(read) == kind.tool
    except FtcError as error:
        assert error.hint
        assert kind.what != "training" or kind.tool not in kinds.TOOLS
