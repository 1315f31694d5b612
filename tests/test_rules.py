"""Runs the rules over their case files, and holds the account of all known faults."""

import copy
import dataclasses
import tomllib
from pathlib import Path

import pytest

from ftc.errors import FtcError
from ftc.factors.table import shipped
from ftc.facts.records import (
    DataFacts,
    Facts,
    Family,
    Hardware,
    Lengths,
    ModelFacts,
    TokenizerFacts,
)
from ftc.memory.shape import Shape
from ftc.recipe import Recipe
from ftc.resolve import resolve
from ftc.rules import RULES, check, pages
from ftc.rules.case import Case

HERE = Path(__file__).parent
BASE = tomllib.loads((HERE / "rules_base.toml").read_text("utf-8"))
NAMES = [rule.name for rule in RULES]


def cases(kind):
    files = sorted((HERE / "rules").rglob("*.toml"))
    assert files, "no case file was found"
    for file in files:
        for case in tomllib.loads(file.read_text("utf-8")).get(kind, []):
            yield pytest.param(file.stem, case, id=f"{file.stem}: {case['why']}")


def laid_over(base, fragment):
    """`fragment` merged into `base`; a table with `only = true` replaces what was there."""
    merged = copy.deepcopy(base)
    for key, value in fragment.items():
        if isinstance(value, dict) and value.pop("only", False):
            merged[key] = value
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = laid_over(merged[key], value)
        else:
            merged[key] = value
    return {key: value for key, value in merged.items() if value != "none"}


def lengths(rows, exact):
    prompt = [row[1] for row in rows for _ in range(row[0])]
    answer = [row[2] for row in rows for _ in range(row[0])]
    total = [before + after for before, after in zip(prompt, answer, strict=True)]
    return Lengths(exact, total, prompt, answer)


def facts(said, backends):
    model, data, hardware = dict(said["model"]), dict(said["data"]), dict(said["hardware"])
    for name, record in (("shape", Shape), ("tokenizer", TokenizerFacts), ("family", Family)):
        model[name] = record(**model[name]) if model.get(name) else None
    folder = model.pop("folder", None)
    model["linear_modules"] = tuple(model["linear_modules"])
    exact = data.pop("exact")
    data |= {part: lengths(data[part], exact) for part in ("train", "eval")}
    capability = hardware.pop("capability", None)
    return Facts(
        ModelFacts(**{"revision": None, **model}, folder=folder and Path(folder)),
        DataFacts(**data),
        Hardware(
            **{"vram_gb": None, **hardware}, capability=tuple(capability) if capability else None
        ),
        tuple(tuple(pair) for pair in backends),
    )


def built(case):
    """The case of a case file: recipe and facts laid over the base, `plan` over what they give."""
    said = laid_over(BASE, {k: v for k, v in case.items() if k in ("recipe", "facts")})
    recipe = Recipe.model_validate(said["recipe"])
    known = facts(said["facts"], case.get("backends", said["backends"]))
    plan = resolve(recipe, known, shipped())
    if fixed := case.get("plan"):
        plan = dataclasses.replace(plan, **fixed)
    return Case(recipe, plan, known)


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
