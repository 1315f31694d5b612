"""The command line as a user meets it: exit codes, messages, nothing half-written."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ftc.cli import cli

ROOT = Path(__file__).parents[1]
CASES = tomllib.loads((Path(__file__).parent / "cli" / "bad-input.toml").read_text())["case"]
RECIPE = """
name = "small"
model = "Qwen/Qwen2.5-7B-Instruct"
[data]
path = "rows.jsonl"
[hardware]
vram_gb = 24
"""


def ftc(*arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "ftc", *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT / "compiler")} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def rows(count=120):
    return "".join(
        json.dumps({"instruction": f"Add {n} and {n}.", "output": f"That makes {2 * n}."}) + "\n"
        for n in range(count)
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "rows.jsonl").write_text(rows())
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path


@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_bad_input(folder, case):
    for name, text in case.get("files", {}).items():
        (folder / name).write_text(text)
    for name in case.get("folders", ()):
        (folder / name).mkdir()
    before = sorted(path.name for path in folder.rglob("*"))
    done = ftc(*case["run"], cwd=folder)
    said = done.stdout + done.stderr
    assert done.returncode == case["exit"], said
    assert "Traceback" not in said
    for part in case["says"]:
        assert part in said
    assert sorted(path.name for path in folder.rglob("*")) == before


def test_fifty_megabytes_of_junk(folder):
    (folder / "rows.jsonl").write_bytes(os.urandom(50_000_000))
    done = ftc("build", "recipe.toml", "-b", "axolotl", "--offline", cwd=folder)
    assert done.returncode == 2
    assert "rows.jsonl" in done.stderr
    assert "Traceback" not in done.stderr
    (folder / "recipe.toml").write_bytes(b"x" * 50_000_000)
    done = ftc("check", "recipe.toml", cwd=folder)
    assert done.returncode == 2
    assert "50 MB" in done.stderr


def test_build_writes_a_whole_folder_and_finds_it_again(folder):
    done = ftc("build", "recipe.toml", "-b", "llamafactory", "--offline", cwd=folder)
    assert done.returncode == 0, done.stderr
    (built,) = (folder / "build").iterdir()
    names = {path.name for path in built.iterdir()}
    assert {"llamafactory.json", "dataset_info.json", "train.jsonl", "eval.jsonl"} <= names
    assert {"ftc.lock", "plan.json", "data.json", "recipe.toml", "EXPLAIN.md", "run.sh"} <= names
    again = ftc("build", "recipe.toml", "-b", "llamafactory", "--offline", cwd=folder)
    assert f"already built build/{built.name}" in again.stdout
    assert len(list((folder / "build").iterdir())) == 1


def test_build_is_named_by_content(folder):
    ftc("build", "recipe.toml", "-b", "axolotl", "--offline", cwd=folder)
    (folder / "rows.jsonl").write_text(rows(121))
    ftc("build", "recipe.toml", "-b", "axolotl", "--offline", cwd=folder)
    assert len(list((folder / "build").iterdir())) == 2


def test_nothing_is_built_over_errors(folder):
    (folder / "recipe.toml").write_text(RECIPE + "[training]\nlearning_rate = 0.5\n")
    text = RECIPE.replace("vram_gb = 24", "vram_gb = 4")
    (folder / "recipe.toml").write_text(text)
    done = ftc("build", "recipe.toml", "-b", "axolotl", "--offline", cwd=folder)
    assert done.returncode == 1
    assert "vram-budget" in done.stdout
    assert "nothing was built" in done.stderr
    assert not (folder / "build").exists()


def test_check_as_json(folder):
    done = ftc("check", "recipe.toml", "--format", "json", "--offline", cwd=folder)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {"rule", "severity", "where", "message", "remedy", "code"} <= set(found[0])


def test_check_select_and_ignore(folder):
    one = ftc("check", "recipe.toml", "--select", "too-few-rows", "--offline", cwd=folder)
    assert "too-few-rows" in one.stdout
    none = ftc(
        "check", "recipe.toml", "--select", "too-few-rows", "--ignore", "too-few-rows", cwd=folder
    )
    assert "no findings" in none.stdout
    wrong = ftc("check", "recipe.toml", "--select", "too-fwe-rows", "--offline", cwd=folder)
    assert wrong.returncode == 2
    assert "too-few-rows" in wrong.stderr


def test_plan_and_explain_as_json(folder):
    done = ftc("plan", "recipe.toml", "--format", "json", "--offline", cwd=folder)
    plan = json.loads(done.stdout)
    assert plan["learning_rate"]["origin"]["text"]
    done = ftc("explain", "recipe.toml", "lora_r", "--format", "json", "--offline", cwd=folder)
    assert json.loads(done.stdout)["value"] == plan["lora_rank"]["value"]


def test_init_writes_a_recipe_that_loads(folder):
    done = ftc(
        "init", "rows.jsonl", "--model", "Qwen/Qwen2.5-7B-Instruct", "--vram", "24",
        "--task", "qa", "--out", "sub/new.toml", cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert ftc("check", "sub/new.toml", "--offline", cwd=folder).returncode == 0
    again = ftc("init", "rows.jsonl", "--model", "x/y", "--out", "sub/new.toml", cwd=folder)
    assert again.returncode == 2
    assert "exists already" in again.stderr


def test_run_without_a_backend_says_how_to_get_one(folder):
    done = ftc(
        "run", "recipe.toml", "-b", "axolotl@0.19.0", cwd=folder, FTC_CACHE=str(folder / "none")
    )
    assert done.returncode == 2
    assert "ftc backend install axolotl@0.19.0" in done.stderr


def test_every_command_has_help_with_an_example():
    def commands(group, path):
        for name, command in group.commands.items():
            yield [*path, name], command
            yield from commands(command, [*path, name]) if hasattr(command, "commands") else ()

    for path, command in commands(cli, []):
        if not hasattr(command, "commands"):
            assert f"ftc {' '.join(path)}" in (command.help or ""), path


def test_native_keys_win_and_are_said_aloud(folder):
    text = RECIPE + "[backend.axolotl]\nlogging_steps = 7\n"
    (folder / "recipe.toml").write_text(text)
    done = ftc("check", "recipe.toml", "--offline", cwd=folder)
    assert "native-override" in done.stdout
    assert "backend.axolotl.logging_steps" in done.stdout
    done = ftc("build", "recipe.toml", "-b", "axolotl", "--offline", cwd=folder)
    (config,) = (folder / "build").glob("*/axolotl.yaml")
    assert "logging_steps: 7" in config.read_text()
