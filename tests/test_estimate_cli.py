"""ftc estimate as a user meets it: exit codes, messages, text and JSON, nothing half-written."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from ftc.build import compile_recipe
from ftc.estimate.figures import report
from ftc.memory import measured

ROOT = Path(__file__).parents[1]
CASES = tomllib.loads((Path(__file__).parent / "estimate" / "bad-input.toml").read_text())["case"]
RECIPE = """
name = "small"
model = "Qwen/Qwen2.5-7B-Instruct"
[data]
path = "rows.jsonl"
[hardware]
gpu = "RTX 4090"
"""
WITHOUT_MATPLOTLIB = "import sys\nsys.modules['matplotlib'] = None\n"


def ftc(*arguments, cwd, path="", **environment):
    paths = [str(path), str(ROOT / "compiler"), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, "-m", "ftc", *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def folder(tmp_path):
    rows = [{"instruction": f"Add {n} and {n}.", "output": f"{2 * n}."} for n in range(120)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path


@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_bad_input(folder, case):
    for name in case.get("folders", ()):
        (folder / name).mkdir()
    for name, text in case.get("files", {}).items():
        (folder / name).write_text(text)
    before = sorted(path.name for path in folder.rglob("*"))
    done = ftc(*case["run"], cwd=folder)
    said = done.stdout + done.stderr
    assert done.returncode == case["exit"], said
    assert "Traceback" not in said
    assert not re.search(r"\s-\d[\d.,]* GiB", said)
    for part in case["says"]:
        assert part in " ".join(said.split())
    assert sorted(path.name for path in folder.rglob("*")) == before


def test_text_is_plain_where_nobody_looks(folder):
    done = ftc("estimate", "recipe.toml", "--offline", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    for part in ("train step", "evaluation step", "load", "allocated", "reserved", "driver shows"):
        assert part in done.stdout
    for part in ("nearest measured runs", "work ", "time ", "disk ", "confidence"):
        assert part in done.stdout


@pytest.mark.parametrize(("word", "coloured"), [("", True), ("1", False)])
def test_colour_on_a_terminal_only_without_no_color(folder, word, coloured):
    command = f"{sys.executable} -m ftc estimate recipe.toml --offline"
    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"],
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": str(ROOT / "compiler"), "NO_COLOR": word, "TERM": "xterm-256color"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ("\x1b[" in done.stdout) is coloured
    assert "WWWW" in done.stdout


def test_json_is_one_document(folder):
    done = ftc("estimate", "recipe.toml", "--offline", "--format", "json", cwd=folder)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [it["backend"] for it in told["backends"]] == ["axolotl", "llamafactory"]
    assert told["hardware"]["budget_gib"] == pytest.approx(24, abs=0.5)
    one = ftc(
        "estimate", "recipe.toml", "--offline", "--format", "json", "-b", "axolotl", cwd=folder
    )
    assert [it["backend"] for it in json.loads(one.stdout)["backends"]] == ["axolotl"]


@pytest.mark.parametrize(
    ("asked", "gpu", "budget"),
    [
        (["--gpu", "H100 80GB"], "NVIDIA H100 80GB", 79.65),
        (["--gpu", "T4", "--vram", "10"], "NVIDIA T4", 10),
        (["--vram", "16"], "NVIDIA GeForce RTX 4090", 16),
        (["--vram", "48"], None, 48),
        (["--gpu", "RTX 4090", "--vram", "80"], "NVIDIA GeForce RTX 4090", 24),
    ],
)
def test_another_card_or_budget(folder, asked, gpu, budget):
    done = ftc("estimate", "recipe.toml", "--offline", "--format", "json", *asked, cwd=folder)
    told = json.loads(done.stdout)["hardware"]
    assert told["gpu"] == gpu
    assert told["budget_gib"] == pytest.approx(budget, abs=0.5)


def test_an_error_of_the_recipe_is_told_beside_it(folder):
    (folder / "recipe.toml").write_text(RECIPE + "[training]\nlearning_rate = 0.5\n")
    done = ftc("estimate", "recipe.toml", "--offline", cwd=folder)
    checked = ftc("check", "recipe.toml", "--offline", "--format", "json", cwd=folder)
    errors = [it for it in json.loads(checked.stdout) if it["severity"] == "error"]
    for error in errors:
        assert done.stdout.count(f"error: {error['rule']} ") == 1
    assert ("forbid a build" in done.stdout) is bool(errors)


def test_a_team_sees_its_own_run_first(folder):
    compiled = compile_recipe(folder / "recipe.toml", offline=True)
    tool = report(compiled).tools[0]
    row = measured.Row(
        id="ours",
        name="our 7B",
        shape=compiled.facts.model.shape,
        job=tool.job,
        metric="device",
        gib=17.25,
        source="ftc run",
        group="axolotl",
    )
    measured.append(folder / "team.csv", row)
    measured.append(folder / "observed.csv", row._replace(id="default", name="in this folder"))
    done = ftc("estimate", "recipe.toml", "--offline", "--format", "json", cwd=folder)
    assert json.loads(done.stdout)["backends"][0]["nearest"][0]["id"] == "default"
    named = ["--observed", "team.csv", "--format", "json"]
    done = ftc("estimate", "recipe.toml", "--offline", *named, cwd=folder)
    near = json.loads(done.stdout)["backends"][0]["nearest"]
    assert (near[0]["id"], near[0]["measured_gib"]) == ("ours", 17.25)
    assert near[0]["distance"] == 0
    assert "default" not in {it["id"] for it in near}
    assert replace(tool.job) == measured.read(folder / "team.csv")[0].job


def test_a_finished_run_is_held_against_the_formula(folder):
    shutil.copytree(ROOT / "tests" / "memory" / "run", folder / "runs" / "demo")
    told = ftc("estimate", "--observe", "runs/demo", "--format", "json", cwd=folder)
    assert told.returncode == 0, told.stderr
    said = json.loads(told.stdout)
    assert (said["file"], said["added_rows"]) == ("observed.csv", len(said["observed"]))
    for it in said["observed"]:
        assert it["measured_gib"] > 0
        assert it["predicted_gib"] > 0
    rows = measured.read(folder / "observed.csv")
    assert [row.id for row in rows] == [it["id"] for it in said["observed"]]
    again = ftc("estimate", "--observe", "runs/demo", cwd=folder)
    assert "already in observed.csv" in again.stdout
    assert f"measured {said['observed'][0]['measured_gib']:.2f} GiB" in again.stdout
    other = ftc("estimate", "--observe", "runs/demo", "--observed", "team.csv", cwd=folder)
    assert "kept in team.csv" in other.stdout


def test_a_plot_needs_the_extra(folder):
    (folder / "sitecustomize.py").write_text(WITHOUT_MATPLOTLIB)
    done = ftc("estimate", "recipe.toml", "--offline", "--plot", "a.svg", cwd=folder, path=folder)
    assert done.returncode == 2
    assert "Matplotlib, which is not installed" in done.stderr
    assert 'pip install "ftc[plot]"' in done.stderr
    assert not (folder / "a.svg").exists()


@pytest.mark.parametrize("suffix", ["svg", "png", "html"])
def test_a_plot_is_written(folder, suffix):
    pytest.importorskip("matplotlib", reason="the extra `plot`")
    arguments = ["estimate", "recipe.toml", "--offline", "--plot"]
    done = ftc(*arguments, f"memory.{suffix}", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert f"wrote memory.{suffix}" in done.stdout
    assert (folder / f"memory.{suffix}").stat().st_size > 10_000
    told = ftc(*arguments, f"again.{suffix}", "--format", "json", cwd=folder)
    json.loads(told.stdout)
    assert (folder / f"again.{suffix}").read_bytes() == (folder / f"memory.{suffix}").read_bytes()


def test_a_plot_that_cannot_be_written_is_one_message(folder):
    pytest.importorskip("matplotlib", reason="the extra `plot`")
    done = ftc("estimate", "recipe.toml", "--offline", "--plot", "/proc/memory.svg", cwd=folder)
    assert done.returncode == 2
    assert "/proc/memory.svg: cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_has_an_example(folder):
    done = ftc("estimate", "--help", cwd=folder)
    assert "Example: ftc estimate recipe.toml" in done.stdout
