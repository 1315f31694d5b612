"""Runs the rules over their case files, and holds the account of all known faults."""

import tomllib
from pathlib import Path

import pytest
from rule_cases import built

from ftc.errors import FtcError
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
