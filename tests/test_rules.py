"""Runs the rules over their case files, and holds the account of all known faults."""

import copy
import os
import re
import subprocess
import sys
import tomllib
import typing
from pathlib import Path

import pytest
from rule_cases import built

from ftc.diagnostics import SEVERITIES
from ftc.errors import FtcError
from ftc.plan import PATHS
from ftc.recipe import Stage
from ftc.rules import RULES, check, pages

HERE = Path(__file__).parent
NAMES = [rule.name for rule in RULES]


def cases(kind):
    files = sorted((HERE / "rules").rglob("*.toml"))
    assert files, "no case file was found"
    for file in files:
        for case in tomllib.loads(file.read_text("utf-8")).get(kind, []):
            yield pytest.param(file.stem, case, id=f"{file.stem}: {case['why']}")


def prepared(case, monkeypatch):
    for name, value in case.get("env", {}).items():
        monkeypatch.setenv(name, value)
    return built(case)


@pytest.mark.parametrize(("name", "case"), list(cases("pass")))
def test_passes(name, case, monkeypatch):
    found = check(prepared(case, monkeypatch), select=[name])
    assert [(finding.where, finding.message) for finding in found] == []


@pytest.mark.parametrize(("name", "case"), list(cases("fail")))
def test_fails(name, case, monkeypatch):
    found = check(prepared(case, monkeypatch), select=[name])
    wanted = case["where"] if isinstance(case["where"], list) else [case["where"]]
    assert sorted(finding.where for finding in found) == sorted(wanted), found
    rule = next(rule for rule in RULES if rule.name == name)
    for finding in found:
        assert finding.severity == case.get("severity", rule.severity), finding
        assert finding.message
        assert finding.remedy
    for part in [case["says"]] if isinstance(case.get("says"), str) else case.get("says", []):
        assert any(part in f"{finding.message}; {finding.remedy}" for finding in found), found


SETTING = re.compile(r"([a-z_.]+) = ('[^']*'|\[[^\]]*\]|true|false|\d[\de.-]*)")
NOT_IN_TEST = {"no-holdout"}  # the rows of a case do not follow from its recipe


def cured(case, finding):
    """The case with its remedy carried out: `set x = 1 and y = 2`; None when it says no values."""
    first = re.split(r", or |;| \(", finding.remedy)[0]
    settings = SETTING.findall(first) if first.startswith("set ") else []
    better = copy.deepcopy(case)
    for key, value in settings:
        places = [place for place in PATHS.values() if place.rpartition(".")[2] == key]
        beside = f"{finding.where.rpartition('.')[0]}.{key}".lstrip(".")
        place = key if "." in key else places[0] if places else beside
        put(better.setdefault("recipe", {}), place, tomllib.loads(f"x = {value}")["x"])
    if settings and finding.where.startswith("backend."):
        _, backend, key, *_ = finding.where.split(".")
        del better["recipe"]["backend"][backend][key]
    return better if settings else None


def put(table, place, value):
    *tables, key = place.split(".")
    for part in tables:
        if not isinstance(table.get(part), dict):
            table[part] = {}
        table = table[part]
    table[key] = value


@pytest.mark.parametrize(("name", "case"), list(cases("fail")))
def test_remedy_cures(name, case, monkeypatch):
    for finding in check(prepared(case, monkeypatch), select=[name]):
        better = cured(case, finding)
        if better is None or name in NOT_IN_TEST:
            continue
        after = check(built(better), select=[name])
        weight = SEVERITIES.index(finding.severity)
        same = [left for left in after if left.where == finding.where]
        assert [left for left in same if SEVERITIES.index(left.severity) <= weight] == []


def test_remedies_mostly_say_values():
    said = [
        cured(case.values[1], finding)
        for case in cases("fail")
        for finding in check(built(case.values[1]), select=[case.values[0]])
    ]
    assert len([better for better in said if better]) > len(said) / 3


@pytest.mark.parametrize(("name", "case"), [*cases("pass"), *cases("fail")])
def test_no_rule_raises(name, case, monkeypatch):
    check(prepared(case, monkeypatch))


UNKNOWN = {"shape": "none", "tokenizer": "none", "family": "none", "linear_modules": []}


@pytest.mark.parametrize("stage", typing.get_args(Stage))
@pytest.mark.parametrize("method", ["auto", "full", "lora", "qlora"])
@pytest.mark.parametrize("rows", [[], [[1, 0, 0]], [[30, 5, 7]]], ids=["none", "one", "few"])
def test_no_rule_raises_when_little_is_known(stage, method, rows):
    data = {"train": rows, "eval": rows, "exact": False}
    case = {
        "recipe": {"stage": stage, "method": method, "training": {"packing": True}},
        "facts": {"model": UNKNOWN, "data": data},
    }
    assert check(built(case))


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_rule_has_both_kinds_of_cases(rule):
    file = HERE / "rules" / f"{rule.name}.toml"
    said = tomllib.loads(file.read_text("utf-8"))
    assert set(said) == {"pass", "fail"}
    assert said["pass"]
    assert said["fail"]


def test_case_files_are_named_after_rules():
    assert {file.stem for file in (HERE / "rules").rglob("*.toml")} <= set(NAMES)


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_page_says_what_why_and_source(rule):
    lines = pages.text(rule).splitlines()
    assert lines[0].endswith(".")
    assert len(lines[0]) <= 100
    assert [line for line in lines if line.startswith("Source: ")]
    assert rule.name in pages.page(rule.name)


def test_codes_and_names_are_unique():
    assert len({rule.code for rule in RULES}) == len(set(NAMES)) == len(RULES)


def test_guides_own_case_has_no_error_and_no_warning():
    found = check(built({}))
    assert [finding for finding in found if finding.severity != "info"] == []


def test_select_and_ignore():
    case = built({"recipe": {"lora": {"rank": 16, "alpha": 2}}})
    assert [finding.code for finding in check(case, select=["LORA01"])] == ["LORA01"]
    assert check(case, select=["alpha-rank-ratio"], ignore=["lora0"]) == []
    assert {finding.code[:4] for finding in check(case, select=["LORA"])} == {"LORA"}
    with pytest.raises(FtcError) as caught:
        check(case, ignore=["alpha-rank-ration"])
    assert "alpha-rank-ratio" in caught.value.hint


def test_page_of_all_rules_is_up_to_date():
    made = subprocess.run(
        [sys.executable, "tools/rule_pages.py", "--check"],
        cwd=HERE.parent,
        env={**os.environ, "PYTHONPATH": "compiler"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (made.returncode, made.stderr) == (0, "")
