"""Findings: what a rule, a backend or an importer has to say, as data; the CLI prints them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any, Literal

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True)
class Finding:
    """One fault or remark: `rule` is its name, `where` a dotted recipe path (`lora.alpha`)."""

    rule: str
    severity: Severity
    where: str
    message: str
    remedy: str = ""
    code: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain data for `--format json`."""
        return asdict(self)


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Errors first, then warnings, then remarks; by place and rule within each."""
    return sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), f.where, f.rule))


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that `name` was most likely meant to be, or an empty string."""
    return next(iter(get_close_matches(name, list(known), n=1, cutoff=0.6)), "")
