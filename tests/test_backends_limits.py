"""What a backend cannot express is said aloud: the cases of limits.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from backends import plans

from ftc import backends

HERE = Path(__file__).parent / "backends"

CASES = tomllib.loads((HERE / "limits.toml").read_text(encoding="utf-8"))["case"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['backend']} {case['why']}")
def test_findings(case):
    name, version = case["backend"].split("@")
    found = backends.get(name).unsupported(plans.base(**case["plan"]), version)
    assert [f"{finding.severity} {finding.where}" for finding in found] == case["found"]
    assert all(finding.rule == "unsupported" for finding in found)
    assert all(finding.message.startswith(f"{name} {version}: ") for finding in found)


@pytest.mark.parametrize("name", backends.MODULES)
def test_every_limit_has_a_case(name):
    backend = backends.get(name)
    made = [
        (plans.base(**case["plan"]), case["backend"].split("@")[1])
        for case in CASES
        if case["backend"].startswith(name)
    ]
    for limit in backend.LIMITS:
        said = [plan for plan, version in made if limit.applies(plan, version)]
        assert said or limit.message.startswith("the template "), limit
