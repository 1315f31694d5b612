"""Holds the account of all known faults: a rule, held by what is written, or left for later."""

import json
import re
import tomllib
import typing
from pathlib import Path

import pytest
import yaml
from rule_cases import built

from ftc import backends
from ftc.backends.schemas import problems
from ftc.backends.versions import VERSIONS
from ftc.recipe import Optimizer
from ftc.rules import RULES
from ftc.rules.account import HELD, INFO_WRITTEN, LATER, WRITTEN
from ftc.run.launch import write_config

HERE = Path(__file__).parent
CASES = tomllib.loads((HERE / "rules_held.toml").read_text("utf-8"))["held"]
TARGETS = [(entry.backend, entry.version) for entry in VERSIONS]
PARSERS = {"axolotl": yaml.safe_load, "llamafactory": json.loads}
CATALOGUE = {"A": 20, "B": 26, "C": 19, "D": 26, "E": 26, "F": 12, "G": 6}
ALL = [f"{letter}{n:02}" for letter, count in CATALOGUE.items() for n in range(1, count + 1)]


def config(case, backend, version):
    plan = built(case).plan
    tool = backends.get(backend)
    return tool.artifacts(plan, tool.native(plan, version), version)


def test_every_known_fault_stands_in_one_place():
    rules = [rule.research for rule in RULES if rule.research]
    placed = rules + [held.research for held in HELD] + [later.research for later in LATER]
    assert sorted(placed) == ALL
    assert len(ALL) == 135


@pytest.mark.parametrize("held", HELD, ids=[held.research for held in HELD])
def test_what_holds_a_fault_is_there(held):
    file, _, name = held.test.partition("::")
    assert re.search(rf"^def {name}\(", (HERE / file).read_text("utf-8"), re.MULTILINE)
    assert held.rule in {"", *(rule.name for rule in RULES)}
    if held.test in (WRITTEN, INFO_WRITTEN):
        parts = {"info"} if held.test == INFO_WRITTEN else {"axolotl", "llamafactory"}
        assert any(case["research"] == held.research and parts & set(case) for case in CASES)


def spread():
    """Each case over the versions of each backend that it says something of."""
    for case in CASES:
        for backend, version in TARGETS:
            if backend in case:
                label = " ".join([case["research"], case.get("why", ""), version])
                yield pytest.param(case, backend, version, id=label)


@pytest.mark.parametrize(("case", "backend", "version"), list(spread()))
def test_what_is_written(case, backend, version):
    found = backends.get(backend).native(built(case).plan, version)
    said = case[backend]
    for key, value in said.get("written", {}).items():
        if key == "full_determinism" and version == "0.19.0":
            continue  # a key of 0.21.0
        assert found[key] == value
    for key in said.get("whole", []):
        assert type(found[key]) is int
    assert not set(said.get("absent", [])) & set(found)


INFO = [case for case in CASES if "info" in case]


@pytest.mark.parametrize("case", INFO, ids=lambda case: case["research"])
def test_dataset_info(case):
    said = case["info"]
    info = json.loads(config(case, "llamafactory", "0.9.5")["dataset_info.json"])["train"]
    assert set(said.get("known", info)) == set(info)
    assert set(said.get("columns", info["columns"])) == set(info["columns"])
    for key, value in said.get("written", {}).items():
        assert info[key] == value


TINY = {"recipe": {"training": {"learning_rate": 1e-5, "adam_epsilon": 1e-8}}}


@pytest.mark.parametrize(("backend", "version"), TARGETS)
@pytest.mark.parametrize("eval_rows", [60, 0])
def test_text_gives_the_same_values(backend, version, eval_rows):
    case = {**TINY, "facts": {"data": {"eval": [[eval_rows, 150, 250]]}}}
    text = config(case, backend, version)[backends.get(backend).CONFIG]
    found = PARSERS[backend](text)
    native = backends.get(backend).native(built(case).plan, version)
    assert found == native
    assert {key: type(value) for key, value in found.items()} == {
        key: type(value) for key, value in native.items()
    }
    assert found["learning_rate"] == 1e-5
    assert found["eval_strategy"] == ("steps" if eval_rows else "no")


STAGES = ("sft", "pretrain", "dpo", "kto", "orpo")


@pytest.mark.parametrize(("backend", "version"), TARGETS)
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("method", ["full", "lora", "qlora"])
def test_every_key_is_known(backend, version, stage, method):
    case = built({"recipe": {"stage": stage, "method": method}})
    assert problems(backend, version, backends.get(backend).native(case.plan, version)) == []


@pytest.mark.parametrize(("backend", "version"), TARGETS)
@pytest.mark.parametrize("optimizer", typing.get_args(Optimizer))
def test_every_optimizer_is_in_both_tools(backend, version, optimizer):
    case = built({"recipe": {"training": {"optimizer": optimizer}}})
    native = backends.get(backend).native(case.plan, version)
    assert optimizer in native.values()
    assert problems(backend, version, native) == []


def test_dataset_info_is_ascii():
    case = {"recipe": {"data": {"path": "Übung.jsonl", "system": "Schreib schön."}}}
    assert config(case, "llamafactory", "0.9.5")["dataset_info.json"].isascii()


def test_json_is_handed_over_as_yaml(tmp_path):
    text = config({}, "llamafactory", "0.9.5")["llamafactory.json"]
    (tmp_path / "llamafactory.json").write_text(text)
    name = write_config(tmp_path, "llamafactory", "")
    assert name.endswith(".yaml")
    assert json.loads((tmp_path / name).read_text()) == json.loads(text)


def test_each_version_has_its_own_environment():
    pins = [lock.pins for entry in VERSIONS for lock in entry.locks.values()]
    assert len(set(pins)) == len(pins)
