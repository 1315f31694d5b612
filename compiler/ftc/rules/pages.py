"""The pages of the rules: what `ftc rules` prints and docs/rules.md holds."""

from __future__ import annotations

import inspect
from typing import Any

from ftc.diagnostics import nearest
from ftc.errors import FtcError
from ftc.rules import RULES, Rule


def listing() -> list[dict[str, Any]]:
    """Code, name, severity and summary of every rule, in the order of the table."""
    return [
        {
            "code": rule.code,
            "name": rule.name,
            "severity": rule.severity,
            "summary": text(rule).partition("\n")[0],
        }
        for rule in RULES
    ]


def page(name: str) -> str:
    """The page of one rule, by name or code; FtcError with the nearest name."""
    for rule in RULES:
        if name.lower() in (rule.name, rule.code.lower()):
            return f"{rule.code} {rule.name} ({rule.severity})\n\n{text(rule)}"
    guess = nearest(name, [rule.name for rule in RULES])
    hint = f"did you mean {guess}?" if guess else "ftc rules lists them all"
    raise FtcError(f"unknown rule {name!r}", hint=hint)


def text(rule: Rule) -> str:
    """The docstring of a rule, without indentation."""
    return inspect.getdoc(rule.function) or ""
