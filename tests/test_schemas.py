"""The shipped schemas: what they refuse, and that they are those of the installed backends."""

import importlib.util
import json
import tomllib
from pathlib import Path

import pytest

from ftc.backends import schemas, versions
from ftc.backends.versions import VERSIONS
from ftc.errors import FtcError

HERE = Path(__file__).parent
CASES = tomllib.loads((HERE / "schemas.toml").read_text("utf-8"))["case"]


def tool(name):
    """A script of tools/, as a module."""
    found = importlib.util.spec_from_file_location(name, HERE.parent / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_problems_of_a_native_config(case):
    line = versions.parse(case["backend"])
    found = schemas.problems(line.backend, line.version, case["native"])
    assert found == [tuple(each) for each in case["problems"]]


@pytest.mark.parametrize("line", VERSIONS, ids=lambda line: line.name)
def test_every_supported_version_has_a_schema(line):
    keys = schemas.fields(line.backend, line.version)
    assert len(keys) > 300
    assert keys["learning_rate"]
    assert schemas.problems(line.backend, line.version, {}) == []
    (path,) = schemas.FOLDER.glob(f"{line.backend}-{line.version}.json")
    text = tool("snapshot_schemas").text(json.loads(path.read_text("utf-8")))
    assert path.read_text("utf-8") == text, "made by tools/snapshot_schemas.py, never by hand"


def test_choices_stand_beside_the_type():
    assert "adamw_torch" in schemas.fields("axolotl", "0.21.0")["optimizer"]["choices"]
    assert schemas.fields("llamafactory", "0.9.5")["lora_rank"]["default"] == 8


def test_no_schema_of_an_unknown_version():
    with pytest.raises(FtcError, match=r"no schema of axolotl 0\.1") as caught:
        schemas.fields("axolotl", "0.1")
    assert "axolotl-0.21.0" in caught.value.hint


@pytest.mark.backend
@pytest.mark.parametrize("line", VERSIONS, ids=lambda line: line.name)
def test_the_schema_is_that_of_the_installed_backend(line):
    try:
        installed = tool("snapshot_schemas").snapshot(line)
    except FtcError as error:
        pytest.fail(f"{error}: {error.hint}")
    path = schemas.FOLDER / f"{line.backend}-{line.version}.json"
    assert path.read_text("utf-8") == installed
