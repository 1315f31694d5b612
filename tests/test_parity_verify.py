"""`ftc verify` as a user meets it: both real tools on one recipe, and what is refused before."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from parity import matrix
from parity.matrix import Case

from ftc.errors import FtcError
from ftc.parity import verify

ROOT = Path(__file__).parents[1]
CASE = Case("llama3.0", "chat", tokens="exact", training={"gradient_accumulation": 2}, rows=12)


def ftc(*arguments, cwd, **environment):
    known = os.environ | {"PYTHONPATH": str(ROOT / "compiler"), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "ftc", *arguments],
        cwd=cwd,
        env=known | environment,
        capture_output=True,
        text=True,
    )


def ask(folder, *arguments):
    ignored = [word for rule in matrix.SMALL for word in ("--ignore", rule)]
    recipe = matrix.recipe(CASE, folder)
    return ftc("verify", str(recipe), *arguments, *ignored, "--offline", cwd=folder)


@pytest.mark.backend
def test_equal_then_changed_by_hand(tmp_path):
    done = ask(tmp_path, "--level", "loss", "--steps", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"loss +equal", done.stdout)
    builds = sorted((tmp_path / "build").iterdir())
    assert [build.name.split("-")[-2] for build in builds] == ["axolotl", "llamafactory"]
    for build in builds:
        kept = json.loads((build / "verify.json").read_text("utf-8"))
        assert kept["equal"] is True
        assert len(kept["losses"]["sides"][0]) == 3
        assert {it["key"] for it in kept["pinned"]} >= {"base_model", "model_name_or_path"}
        assert (build / "verify.html").read_text("utf-8").startswith("<!doctype html>")

    config = builds[0] / "axolotl.yaml"
    text = config.read_text("utf-8")
    config.write_text(re.sub(r"(?m)^max_grad_norm: .*", "max_grad_norm: 0.25", text), "utf-8")
    done = ask(tmp_path, "--format", "json")
    assert done.returncode == 1, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["changed"] == [f"{builds[0].name}/axolotl.yaml"]
    assert {it["what"] for it in told["values"]} >= {"arguments.max_grad_norm"}
    assert told["level"] == "steps"


@pytest.mark.backend
def test_a_config_that_the_backend_refuses(tmp_path):
    assert ask(tmp_path, "--level", "tokens", "--rows", "1").returncode == 0
    config = next((tmp_path / "build").glob("*axolotl*")) / "axolotl.yaml"
    config.write_text(config.read_text("utf-8") + "sequence_len: many\n", "utf-8")
    done = ask(tmp_path, "--level", "tokens", "--rows", "1")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "sequence_len" in done.stderr
    log = Path(re.search(r"whole log: (\S+)", done.stderr)[1])
    assert "sequence_len" in log.read_text("utf-8")


def test_environments_are_asked_for_before_anything_is_built(tmp_path):
    recipe = matrix.recipe(CASE, tmp_path)
    done = ftc("verify", str(recipe), cwd=tmp_path, FTC_CACHE=str(tmp_path / "empty"))
    assert done.returncode == 2
    assert "ftc backend install axolotl --cpu" in done.stderr
    assert not (tmp_path / "build").exists()


@pytest.mark.backend
def test_a_refused_recipe_is_one_list_of_findings(tmp_path):
    recipe = matrix.recipe(CASE, tmp_path)  # a dozen rows: too few, unless that is ignored
    done = ftc("verify", str(recipe), "--offline", "--format", "json", cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "too-few-rows" in {it["rule"] for it in json.loads(done.stdout)}
    assert not (tmp_path / "build").exists()


@pytest.mark.parametrize(
    ("specs", "says"),
    [
        (("axolotl@0.19.0", "axolotl@0.21.0"), "axolotl is named twice"),
        (("axolotl@9",), "9"),
        (("unsloth",), "unsloth"),
    ],
)
def test_the_pair_of_tools(specs, says):
    with pytest.raises(FtcError, match=says):
        verify.pair(specs)


def test_the_preferred_versions_are_compared():
    assert [line.name for line in verify.pair(())] == ["axolotl@0.21.0", "llamafactory@0.9.5"]
    assert verify.pair(("axolotl@0.19.0",))[0].version == "0.19.0"


@pytest.mark.parametrize("lost", ["ftc.lock", "train.jsonl"])
def test_lost_files_of_a_build_are_noticed(tmp_path, lost):
    built = matrix.built(CASE, tmp_path, "llamafactory", matrix.FACTORY)
    assert verify.edited(built.folder) == []
    (built.folder / lost).unlink()
    if lost == "ftc.lock":
        with pytest.raises(FtcError, match=r"ftc\.lock: cannot be read"):
            verify.edited(built.folder)
    else:
        assert verify.edited(built.folder) == ["train.jsonl"]
