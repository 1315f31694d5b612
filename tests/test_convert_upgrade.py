"""ftc upgrade: what a version takes otherwise, and the rewrite in place."""

import json
import tomllib
from pathlib import Path

import pytest
import yaml
from backends import environment
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from ftc.backends import schemas, versions
from ftc.cli import cli
from ftc.convert import changes, edit, kinds
from ftc.convert.source import parse
from ftc.convert.upgrade import upgrade
from ftc.errors import FtcError

CASES = tomllib.loads((Path(__file__).parent / "convert" / "upgrade.toml").read_text("utf-8"))[
    "case"
]


def upgraded(case, text):
    line = versions.parse(case["backend"])
    config = parse(text, Path(f"config.{case.get('form', 'yaml')}"))
    assert kinds.training(config) == line.backend
    return upgrade(config, line.backend, line.version, case.get("from", ""))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_a_config_is_rewritten(case):
    before, by_hand = case["before"], case.get("by_hand", [])
    found = upgraded(case, before)
    assert found.text == case.get("after", before)
    left = [it.path for it in found.findings if it.breaks and not it.rewritten]
    assert sorted(left) == sorted(by_hand)
    assert found.mended == (not by_hand)
    again = upgraded(case, found.text)
    assert not again.changed, "a second time there is nothing to write"
    assert not any(it.rewritten for it in again.findings)
    assert again.loads == found.mended


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_windows_lines_stay(case):
    before = case["before"].replace("\n", "\r\n")
    assert upgraded(case, before).text == case.get("after", case["before"]).replace("\n", "\r\n")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_a_finding_names_its_line_and_its_reason(case):
    lines = case["before"].splitlines()
    for it in upgraded(case, case["before"]).findings:
        assert it.why
        assert it.source
        assert it.rewritten or it.todo or not it.breaks or it.kind in ("removed", "value")
        if it.old and it.kind != "default" and not it.path.startswith("datasets["):
            assert edit.parts(it.path)[-1] in lines[it.line - 1]


@pytest.mark.backend
@pytest.mark.parametrize("line", versions.VERSIONS, ids=lambda line: line.name)
def test_the_tool_itself_takes_what_is_said_to_load(line):
    """Before and after, by its own validator; LLaMA-Factory's does not look at values."""
    said, configs = {}, []
    for case in CASES:
        if case["backend"] != line.name:
            continue
        found = upgraded(case, case["before"])
        written = parse(found.text, found.source.path)
        for when, config, loads in [
            ("before", found.source, found.loads),
            ("after", written, found.mended),
        ]:
            if case.get("raises") and not loads:
                continue
            said[f"{case['why']}: {when}"] = loads
            configs.append({"name": f"{case['why']}: {when}", "config": config.values})
    told = environment.drive(line.backend, line.version, "validate", {"cases": configs})
    results = told["cases"] if line.backend == "llamafactory" else told
    assert {name: result["error"] == "" for name, result in results.items()} == said, results


@pytest.mark.parametrize("backend", versions.BACKENDS)
def test_the_table_fits_the_schemas(backend):
    """What is written is a key of the version, and takes the value; what is gone is none."""
    for line in versions.of(backend):
        now = changes.number(line.version)
        for change in changes.table(backend):
            if not change.applies((), now):
                continue
            names = [change.to] if change.to else []
            for name, value in [
                *change.write.items(),
                *(pair for word in change.words.values() for pair in word.items()),
                *((name, None) for name in names),
            ]:
                if "*" in name or "[]" in name or "$" in name:
                    continue
                native = {}
                edit.put(native, edit.parts(name), None if value == changes.VALUE else value)
                found = schemas.problems(backend, line.version, native)
                # Keys of plugins are there only where a config names the plugin; and that a value
                # is carried over says nothing of null.
                wrong = [it for it in found if "unless `plugins`" not in it[1]]
                if value in (None, changes.VALUE):
                    wrong = [it for it in wrong if schemas.UNKNOWN in it[1]]
                assert wrong == [], name


def test_changes_are_told_by_version():
    (default,) = [
        it for it in changes.table("axolotl") if it.keys == ["gradient_checkpointing_kwargs"]
    ]
    assert default.applies((0, 19, 0), (0, 21, 0))
    assert not default.applies((0, 21, 0), (0, 21, 0))
    assert not default.applies((), (0, 19, 0))


HEAD = "base_model: a\nlearning_rate: 1e-4\ndatasets:\n- {path: x, type: alpaca}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("fsdp:\n- offload\nfsdp_config:\n", "fsdp_config: {offload_params: true}\n"),
        ("fsdp: [offload]\nfsdp_config: {} # c\n", "fsdp_config: {offload_params: true} # c\n"),
        ("fsdp: !!seq [offload]\n", "fsdp_config:\n  offload_params: true\n"),
        ("fsdp_config:\n  forward_prefetch: true\n", "fsdp_config: {}\n"),
        (
            "vllm:\n  serve_module: trl.scripts.vllm_serve\n",
            "vllm: {gpu_memory_utilization: 0.9}\n",
        ),
        ("evaluation_strategy: steps\neval_strategy:\n", "eval_strategy: steps\n"),
        ("'gc_steps' : 5\n", "torch_empty_cache_steps: 5\ngc_collect_steps: 5\n"),
        ("gradient_checkpointing: >-\n  offload_disk\n", None),
        ("? fsdp\n: [offload]\n", ""),
        ("fsdp: &a [offload]\nother: *a\n", ""),
        ("fsdp: [offload]\nfsdp_config: [1]\n", ""),
        ("fsdp: [[offload]]\n", ""),
        ("fsdp: {}\n", ""),
        ("x: &f\n  sharding_strategy: FULL_SHARD\nfsdp_config:\n  <<: *f\n", ""),
    ],
)
def test_text_that_is_written_in_other_ways(before, after):
    """`after` "": nothing is changed, and nothing breaks."""
    case = {"backend": "axolotl@0.21.0"}
    whole = ["---\n" + HEAD + before + "...\n", HEAD + before.rstrip("\n")]
    for text in (HEAD + before, before + HEAD, *whole):
        found = upgraded(case, text)
        if after is not None:
            assert found.text == text.replace(before.rstrip("\n"), (after or before).rstrip("\n"))
        assert not upgraded(case, found.text).changed


BASE = """base_model: acme/tiny
datasets:
  - path: rows.jsonl
    type: alpaca
gradient_accumulation_steps: 4
learning_rate: 0.0002
"""


def ftc(*words):
    return CliRunner().invoke(cli, ["upgrade", *map(str, words)], standalone_mode=False)


def test_accumulation_means_something_else(tmp_path):
    path = tmp_path / "a.yml"
    path.write_text(BASE)
    found = ftc(path, "-b", "axolotl@0.21.0")
    assert found.return_value == 1
    assert "gradient_accumulation_steps: 4" in found.output
    assert "1 load as they are, 0 of these train the same" in found.output
    assert ftc(path, "-b", "axolotl@0.21.0", "--from", "axolotl@0.21.0").return_value == 0
    assert ftc(path, "-b", "axolotl@0.19.0").return_value == 0
    assert ftc(path, "-b", "axolotl@0.21.0", "--write").return_value == 0
    assert path.read_text() == BASE


def test_a_folder_is_rewritten_in_place(tmp_path):
    folder = tmp_path / "configs"
    (folder / "deep").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    old = BASE.replace("gradient_accumulation_steps: 4", "dataset_processes: 4  # cores")
    one, two, link = folder / "one.yaml", folder / "deep" / "two.yml", tmp_path / "link.yaml"
    one.write_bytes(b"\xef\xbb\xbf" + old.encode())
    two.write_text(old)
    two.chmod(0o640)
    link.symlink_to(two)
    (folder / ".hidden" / "three.yaml").write_text(old)
    (folder / "accelerate.yaml").write_text("compute_environment: LOCAL_MACHINE\nnum_machines: 1\n")
    (folder / "notes.txt").write_text("dataset_processes: 4")
    (folder / "broken.yaml").write_text("base_model: [")
    found = ftc(folder, link, "-b", "axolotl", "--write", "--format", "json")
    report = json.loads(found.output)
    assert found.return_value == 1, "one cannot be read"
    assert [Path(it["path"]).name for it in report["configs"]] == ["one.yaml", "two.yml"]
    assert all(it["written"] and it["loads_when_rewritten"] for it in report["configs"])
    assert [Path(it["path"]).name for it in report["refused"]] == ["broken.yaml"]
    assert report["passed"] == {"accelerate accelerate": 1}
    new = old.replace("dataset_processes", "dataset_num_proc")
    assert one.read_bytes() == b"\xef\xbb\xbf" + new.encode()
    assert two.read_text() == new
    assert two.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert sorted(it.name for it in folder.iterdir()) == sorted(
        [".hidden", "accelerate.yaml", "broken.yaml", "deep", "notes.txt", "one.yaml"]
    )
    (folder / "broken.yaml").unlink()
    again = ftc(folder, "-b", "axolotl", "--write")
    assert again.return_value == 0
    assert "rewritten" not in again.output
    assert one.read_bytes() == b"\xef\xbb\xbf" + new.encode()


def test_without_write_nothing_is_written(tmp_path):
    path = tmp_path / "a.yml"
    text = BASE.replace("gradient_accumulation_steps: 4", "fsdp: [full_shard]")
    path.write_text(text)
    found = ftc(path, "-b", "axolotl@0.21.0")
    assert found.return_value == 1
    assert "does not load; --write mends it" in found.output
    assert "fsdp: [full_shard] -> fsdp_config.reshard_after_forward: true" in found.output
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "train.yaml",
            "model_name_or_path: m\nstage: sft\ndo_train: true\ndataset: d\nlearning_rate: 1e-4\n",
            "not of Axolotl",
        ),
        ("acc.yaml", "compute_environment: LOCAL_MACHINE\nnum_machines: 1\n", "no training config"),
        ("twice.yaml", "base_model: a\nbase_model: b\n", "stands twice"),
        ("recipe.toml", '[model]\nname = "a"\n[data]\npath = "d"\n', "is a recipe"),
    ],
)
def test_wrong_inputs(tmp_path, name, text, said):
    path = tmp_path / name
    path.write_text(text)
    found = ftc(path, "-b", "axolotl@0.21.0", "--write")
    assert isinstance(found.exception, FtcError)
    assert said in str(found.exception)
    assert found.exception.hint
    assert path.read_text() == text


def test_wrong_words(tmp_path):
    (tmp_path / "notes").mkdir()
    for words, said in [
        ((tmp_path / "notes", "-b", "axolotl@0.21.0"), "no training config of Axolotl there"),
        ((tmp_path / "no.yaml", "-b", "axolotl@0.21.0"), "no such file"),
        ((tmp_path / "notes", "-b", "axolotl@0.20.0"), "is not supported"),
        ((tmp_path / "notes", "-b", "axolotl", "--from", "old"), "is no version"),
    ]:
        found = ftc(*words)
        assert said in str(found.exception)


PLAIN = st.one_of(
    st.integers(-9, 9), st.booleans(), st.sampled_from(["a", "no", "1e-4", "x: y", "# n", "ä"])
)
TABLES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["k", "key", "other", "z"]), inner, max_size=3),
    ),
    max_leaves=8,
)
TOPS = st.dictionaries(st.sampled_from(["one", "two", "three", "four"]), TABLES, min_size=2)


@settings(max_examples=300, deadline=None)
@given(TOPS, st.booleans(), st.data())
def test_an_edit_of_the_text_is_one_of_the_values(values, flow, data):
    """Whatever the YAML looks like, a change of its text changes the values in the same way."""
    text = yaml.safe_dump(values, default_flow_style=flow or None, sort_keys=False)
    text = "".join(f"{line}  # c{at}\n" for at, line in enumerate(text.splitlines()) if line)
    if yaml.safe_load(text) != values:
        return  # a long line that PyYAML folded
    name = data.draw(st.sampled_from(sorted(values)))
    new = data.draw(TABLES)
    where = (name,)
    kept = dict(values)
    del kept[name]
    for changed, expected in [
        (lambda: edit.rename(text, where, "fresh"), {**kept, "fresh": values[name]}),
        (lambda: edit.replace(text, where, new), {**values, name: new}),
        (lambda: edit.remove(text, where), kept),
        (lambda: edit.insert(text, ("fresh",), new, where), {**values, "fresh": new}),
        (
            lambda: edit.insert(text, ("fresh", "deep"), new, where),
            {**values, "fresh": {"deep": new}},
        ),
    ]:
        assert yaml.safe_load(changed()) == expected
