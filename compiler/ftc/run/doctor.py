"""Looks an environment over: what is missing, changed or broken comes back as findings."""

from __future__ import annotations

from ftc.diagnostics import Finding
from ftc.run.layout import Environment


def doctor(env: Environment) -> list[Finding]:
    return []
