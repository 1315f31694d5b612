"""The plans of plans.toml: the base, the matrix over its axes, single settings, families."""

from __future__ import annotations

import itertools
import tomllib
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from ftc.plan import Origin, Plan

HERE = Path(__file__).parent
AXES = ("stage", "method", "machine")


@cache
def table() -> dict[str, Any]:
    return tomllib.loads((HERE / "plans.toml").read_text(encoding="utf-8"))


def base(**settings: Any) -> Plan:
    """The base plan with settings laid over it; a setting that TOML cannot say is None."""
    values = table()["base"] | settings
    known = {field.name for field in fields(Plan)} - {"origins"}
    assert values.keys() <= known, values.keys() - known
    shaped = {
        key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
    }
    origins = {key: Origin("factor", f"{key}: a guide | says so\nin two lines") for key in shaped}
    plan = Plan(**dict.fromkeys(known) | shaped, origins=origins)
    if plan.method == "full":
        return replace(plan, lora_rank=None, lora_alpha=None, lora_dropout=None)
    return plan


@cache
def matrix() -> dict[str, Plan]:
    """Every combination of the axes that goes together, and every single setting."""
    plans = {f"single {name}": base(**patch) for name, patch in table()["single"].items()}
    for names in itertools.product(*(table()[axis] for axis in AXES)):
        patches = [dict(table()[axis][name]) for axis, name in zip(AXES, names, strict=True)]
        barred = [other for patch in patches for other in patch.pop("not", [])]
        if not set(barred) & set(names):
            plans[" ".join(names)] = base(**{k: v for patch in patches for k, v in patch.items()})
    return plans
