"""What every backend module offers; only types, nothing to call."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from ftc.backends.base import Key, Limit, Native
from ftc.diagnostics import Finding
from ftc.plan import Plan


class Backend(Protocol):
    """A backend module: direction-free keys, what they leave out, and the files of a build."""

    NAME: str
    CONFIG: str  # the file that holds the native config
    KEYS: tuple[Key, ...]
    LIMITS: tuple[Limit, ...]
    UNCOVERED: dict[str, str]

    def native(self, plan: Plan, version: str) -> dict[str, Any]:
        """The native config of a plan."""

    def read(self, config: Native, version: str) -> dict[str, Any]:
        """The plan settings that a native config tells."""

    def unsupported(self, plan: Plan, version: str) -> list[Finding]:
        """What the backend cannot express of a plan."""

    def overridden(self, config: Native, overrides: Native) -> tuple[dict[str, Any], list[Finding]]:
        """The config with the recipe's native keys on top, and a finding for each."""

    def artifacts(
        self, plan: Plan, config: Native, version: str, templates: Path | None = None
    ) -> dict[str, str]:
        """File name -> text of a build folder, all but the rows."""
