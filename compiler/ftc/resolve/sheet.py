"""The sheet on which a plan is worked out: values and origins so far, and the known quantities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ftc.factors.decide import Decision, decide, first, limited, offered
from ftc.factors.table import LimitRow, Table
from ftc.facts.records import Facts, Lengths
from ftc.memory.formula import parameters
from ftc.plan import PATHS, Origin
from ftc.recipe import Recipe

Cast = Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


@dataclass
class Sheet:
    """State of one resolution; `known` are the quantities that conditions of the table may ask."""

    recipe: Recipe
    facts: Facts
    table: Table
    known: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)

    def said(self, name: str) -> Any:
        """What the recipe says about a setting, or None."""
        value: Any = self.recipe
        for part in PATHS[name].split("."):
            value = getattr(value, part)
        return tuple(value) if isinstance(value, list) else value

    def table_says(self, name: str, choose: Callable[[Sequence[Any]], Any] = first) -> Decision:
        """The factor table's decision under the quantities known by now."""
        return decide(self.table, name, self.known, self.recipe.factors.prefer, choose)

    def offered(self, name: str) -> list[Any]:
        """What may be chosen for a setting: the recipe's word alone, else the table's choices."""
        said = self.said(name)
        if said is not None:
            return [said]
        return offered(self.table, name, self.known, self.recipe.factors.prefer)

    def bounded(self, name: str, value: Any) -> tuple[Any, list[LimitRow]]:
        """`value` within the table's limits for a setting, and the limits that bit."""
        return limited(self.table, name, value, self.known)

    def settle(
        self,
        name: str,
        cast: Cast = _same,
        choose: Callable[[Sequence[Any]], Any] = first,
    ) -> Any:
        """Settle a setting: the recipe's word, else the factor table's."""
        decision = self.table_says(name, choose)
        value = None if decision.value is None else cast(decision.value)
        said = self.said(name)
        if said is None:
            return self.put(name, value, decision.origin)
        return self.put(name, said, overriding(PATHS[name], value, decision))

    def put(self, name: str, value: Any, origin: Origin) -> Any:
        """Write a value down; later conditions may ask for it."""
        self.values[name] = value
        self.origins[name] = origin
        if name in ("method", "lora_rank", "max_steps"):
            self.known[name] = value
        return value

    def fixed(self, name: str, value: Any, why: str) -> Any:
        """Settle what no table decides: the recipe's word, else `value`."""
        said = self.said(name) if name in PATHS else None
        if said is not None:
            return self.put(name, said, Origin("recipe", f"recipe: {PATHS[name]}"))
        return self.put(name, value, Origin("fixed", why))

    def derived(self, name: str, value: Any, text: str, *, kind: Any = "derived") -> Any:
        """Write down what follows from other values."""
        return self.put(name, value, Origin(kind, text))


def overriding(path: str, value: Any, decision: Decision) -> Origin:
    """The origin of a recipe's value, with what the table would have said beside it."""
    beside = decision.origin.beside
    if value is not None:
        beside = (f"the factor table says {shown(value)}: {decision.origin.text}", *beside)
    return Origin(
        "recipe",
        f"recipe: {path}",
        steps=(f"set in the recipe under {path}",),
        beside=beside,
        changes=(f"remove {path} from the recipe: {shown(value)}",) if value is not None else (),
    )


def shown(value: Any) -> str:
    """A value as a person reads it."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def open_sheet(recipe: Recipe, facts: Facts, table: Table) -> Sheet:
    """A sheet with the quantities that are known before anything is decided."""
    shape = facts.model.shape
    data = facts.data
    known = {
        "stage": recipe.stage,
        "task": recipe.task,
        "model": recipe.model.id,
        "model_type": shape.model_type if shape else None,
        "device": facts.hardware.device,
        "gpus": facts.hardware.gpus,
        "capability": _number(facts.hardware.capability),
        "vram_gb": facts.hardware.vram_gb,
        "params_b": parameters(shape) / 1e9 if shape else None,
        "rows": len(data.train.total),
        "answer_tokens": percentile(data.train.answer, 0.95),
        "row_tokens": percentile(data.train.total, 0.95),
    }
    if recipe.method != "auto":
        known["method"] = recipe.method
    return Sheet(recipe, facts, table, known)


def _number(capability: tuple[int, int] | None) -> float | None:
    return None if capability is None else capability[0] + capability[1] / 10


def percentile(lengths: Sequence[int], share: float) -> int | None:
    """The smallest length that `share` of the rows do not exceed; None without rows."""
    ordered = sorted(lengths)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def kept(lengths: Lengths, max_length: int) -> int:
    """Rows that fit into `max_length`; estimated lengths keep all rows."""
    if not lengths.exact:
        return len(lengths.total)
    return sum(total <= max_length for total in lengths.total)


def with_text(origin: Origin, text: str) -> Origin:
    """`origin` with one more step, which is also its one-line text."""
    return replace(origin, text=text, steps=(*origin.steps, text))
