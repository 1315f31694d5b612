"""Values outside the range that the factor table calls typical, inside its own conditions."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.diagnostics import Severity
from ftc.factors.decide import Quantities, ranked
from ftc.factors.table import LimitRow, ValueRow
from ftc.resolve.sheet import open_sheet
from ftc.rules.case import Case, Fault, path

DECIDING = ("team", "guide")


def outside_typical_range(case: Case) -> Iterator[Fault]:
    """A value lies outside the range that the guide calls typical for this case.

    Inside the guide's conditions (LoRA or QLoRA, 24-48 GB, about 500 samples) its ranges hold;
    outside them, those of published sources, as a remark. What other sources say stands beside it.
    A value that ftc itself decided, because a limit or the data asked for it, is a remark too.

    Source: the guide's typical hyperparameter values; the factor table names each row's source.
    """
    known = quantities(case)
    for parameter in dict.fromkeys(row.parameter for row in case.table.value):
        value = getattr(case.plan, parameter, None)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        rows = ranked(case.table, parameter, known, case.recipe.factors.prefer)
        sourced = [row for row in rows if row.kind != "judgment"]
        bounded = [(row, bounds) for row in sourced if (bounds := typical(case, row, known))]
        if not bounded:
            continue
        row, (low, high) = bounded[0]
        if not low <= value <= high:
            yield _fault(case, row, parameter, f"{value:g} is outside {low:g} to {high:g}", rows)


def _fault(case: Case, row: ValueRow, parameter: str, text: str, rows: list[ValueRow]) -> Fault:
    others = [f"{other.shown()} ({other.source})" for other in rows if other.id != row.id]
    beside = f"; other sources: {'; '.join(others[:2])}" if others else ""
    asked = row.kind in DECIDING and row is rows[0] and case.said(parameter)
    severity: Severity = "warning" if asked else "info"
    remedy = f"leave {path(parameter)} out to have it chosen, or see: ftc explain"
    return Fault(path(parameter), f"{text} ({row.source}){beside}", remedy, severity)


def typical(case: Case, row: ValueRow, known: Quantities) -> tuple[float, float] | None:
    """The typical range of a row, None when it states a plain value."""
    if row.outer_times is not None and known.get(row.of) is not None:
        low, high = row.outer_times
        return low * known[row.of], high * known[row.of]
    if row.outer is not None:
        return row.outer
    if row.range is not None:
        return row.range
    numbers = [choice for choice in row.choices or [] if isinstance(choice, int | float)]
    if not numbers:
        return None
    raised = [bound.min for bound in _limits(case, row.parameter) if bound.min is not None]
    return min(numbers), max([*numbers, *raised])


def _limits(case: Case, parameter: str) -> list[LimitRow]:
    return [limit for limit in case.table.limit if limit.parameter == parameter]


def quantities(case: Case) -> Quantities:
    """What the factor table's conditions ask about, as `ftc.resolve` knew it in the end."""
    plan = case.plan
    known = open_sheet(case.recipe, case.facts, case.table).known
    settled = {"method": plan.method, "lora_rank": plan.lora_rank, "max_steps": plan.max_steps}
    return {**known, **settled, "rows": plan.train_rows}
