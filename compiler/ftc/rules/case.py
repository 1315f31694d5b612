"""What a rule may look at, and what it says; running and printing are left to others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from ftc.diagnostics import Severity
from ftc.factors.table import Table, shipped
from ftc.facts.records import Facts
from ftc.plan import PATHS, Origin, Plan
from ftc.recipe import Recipe

PREFERENCE = ("dpo", "kto", "orpo")
_UNKNOWN = Origin("fixed", "unknown")


class NotKnown(Exception):
    """A rule looked at what cannot be known of this case, such as rows that were not read."""


class Fault(NamedTuple):
    """`where` is a dotted recipe path; `severity` None means that of the rule."""

    where: str
    message: str
    remedy: str
    severity: Severity | None = None


@dataclass(frozen=True)
class Case:
    """One recipe, the plan made from it, and the facts and the factor table both rest on."""

    recipe: Recipe
    plan: Plan
    facts: Facts
    table: Table = field(default_factory=shipped)

    @property
    def backends(self) -> tuple[tuple[str, str], ...]:
        """(name, version) of each backend that the plan is checked for."""
        return self.facts.backends

    def version(self, backend: str) -> str:
        """The version asked for, "" when the plan is not for this backend."""
        return dict(self.backends).get(backend, "")

    def native(self, backend: str) -> dict[str, Any]:
        """The recipe's native keys of a backend, {} when the plan is not for this backend."""
        if not self.version(backend):
            return {}
        keys: dict[str, Any] = getattr(self.recipe.backend, backend, {})
        return keys

    def origin(self, setting: str) -> Origin:
        """Where the plan's value of `setting` comes from."""
        return self.plan.origins.get(setting, _UNKNOWN)

    def said(self, setting: str) -> bool:
        """The recipe itself gives this setting."""
        return self.origin(setting).kind == "recipe"

    def softened(self, setting: str, severity: Severity = "warning") -> Severity:
        """`info` where the guide's own row chose the value, so that it does not warn of itself."""
        return "info" if self.origin(setting).row_kind == "guide" else severity

    @property
    def data_path(self) -> str:
        """The recipe path under which the data was named."""
        return "data.hub" if self.recipe.data.hub else "data.path"

    @property
    def adapter(self) -> bool:
        """LoRA or QLoRA, as against full fine-tuning."""
        return self.plan.method in ("lora", "qlora")

    @property
    def chats(self) -> bool:
        """A chat template makes the text of some rows."""
        return self.plan.stage != "pretrain" and self.plan.segments != "all"

    @property
    def preference(self) -> bool:
        return self.plan.stage in PREFERENCE

    @cached_property
    def fitting(self) -> list[int]:
        """Indices of the training rows that stay: those within max_length; all, when estimated."""
        train, limit = self.facts.data.train, self.plan.max_length
        return [i for i, total in enumerate(train.total) if total <= limit or not train.exact]


def path(setting: str) -> str:
    """Where a recipe sets a plan setting."""
    return PATHS[setting]


def graded(severe: bool, otherwise: Severity = "warning") -> Severity:
    """`error` when it is severe."""
    return "error" if severe else otherwise


def share(part: int, whole: int) -> str:
    """`12 of 400 rows (3.0 %)`."""
    return f"{part:,} of {whole:,} rows ({100 * part / max(whole, 1):.1f} %)"


Check = Callable[[Case], Iterator[Fault]]
