"""What a command loads: `--help` only click, `build` only what it needs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LISTED = """
import json, sys
sys.argv = ["ftc", *json.loads(sys.argv[1])]
before = set(sys.modules)
# Not libraries of their own: parts of compiled ones, and the data of `sysconfig`.
known = lambda name: "cython" not in name and not name.startswith("_sysconfigdata")
from ftc.cli import main
try:
    main()
except SystemExit as done:
    code = done.code
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
own = sorted(name for name in sys.modules if name.startswith("ftc"))
foreign = sorted(name for name in loaded - sys.stdlib_module_names - {"ftc"} if known(name))
print(json.dumps({"code": code, "foreign": foreign, "own": own}), file=sys.stderr)
"""
BUILD = {
    "_yaml",
    "annotated_types",
    "click",
    "jinja2",
    "markupsafe",
    "platformdirs",
    "pydantic",
    "pydantic_core",
    "tokenizers",
    "typing_extensions",
    "typing_inspection",
    "yaml",
}


def loaded(*arguments, cwd):
    done = subprocess.run(
        [sys.executable, "-c", LISTED, json.dumps(arguments)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT / "compiler")},
        capture_output=True,
        text=True,
        check=True,
    )
    said = json.loads(done.stderr.strip().splitlines()[-1])
    assert said["code"] == 0, done.stderr
    return said


def test_help_loads_click_and_nothing_else(tmp_path):
    said = loaded("--help", cwd=tmp_path)
    assert said["foreign"] == ["click"]
    assert all(name == "ftc" or name.startswith("ftc.cli") for name in said["own"])


@pytest.mark.parametrize("backend", ["axolotl", "llamafactory"])
def test_build_loads_no_heavy_library(tmp_path, backend):
    recipe = str(ROOT / "recipes" / "instagram-scripts.toml")
    arguments = ["build", recipe, "-b", backend, "--out", str(tmp_path), "--offline"]
    said = loaded(*arguments, cwd=tmp_path)
    foreign = set(said["foreign"])
    assert foreign <= BUILD, foreign - BUILD
    assert not foreign & {"torch", "transformers", "datasets", "pyarrow", "rich"}
    own = {name for name in said["own"] if name.startswith("ftc.augment")}
    assert own == {"ftc.augment", "ftc.augment.result"}


@pytest.mark.parametrize("form", ["text", "json"])
def test_estimate_loads_no_heavy_library(tmp_path, form):
    recipe = str(ROOT / "recipes" / "qlora-8b-24gb.toml")
    said = loaded("estimate", recipe, "--offline", "--format", form, cwd=tmp_path)
    assert set(said["foreign"]) <= BUILD, set(said["foreign"]) - BUILD
    assert "ftc.estimate.plot" not in said["own"]
    assert "ftc.run.environments" not in said["own"]
