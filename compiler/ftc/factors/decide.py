"""Decides one parameter by the factor table and says how, and what would change it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from ftc.factors.table import FactorRow, LimitRow, Table, ValueRow
from ftc.plan import Origin

Quantities = Mapping[str, Any]
Choose = Callable[[Sequence[Any]], Any]
QUARTER = 0.25  # one shift of a factor, as a share of the range (judgment)


class Decision(NamedTuple):
    """A decided value; None when no row of the table speaks."""

    value: Any
    origin: Origin


def ranked(table: Table, parameter: str, known: Quantities, prefer: str) -> list[ValueRow]:
    """The rows whose conditions all hold, the deciding one first."""
    trust: list[str] = list(table.trust)
    if prefer == "published":
        trust = [kind for kind in trust if kind != "guide"] + ["guide"]
    rows = [row for row in table.value if row.parameter == parameter and not unmet(row.when, known)]
    return sorted(rows, key=lambda row: (trust.index(row.kind), -len(row.when)))


def offered(table: Table, parameter: str, known: Quantities, prefer: str = "guide") -> list[Any]:
    """What the deciding row leaves to choose from, the preferred one first; [] without a row."""
    for row in ranked(table, parameter, known, prefer):
        return list(row.choices) if row.choices is not None else [row.value]
    return []


def first(choices: Sequence[Any]) -> Any:
    """The choice that stands first."""
    return choices[0]


def decide(
    table: Table, parameter: str, known: Quantities, prefer: str = "guide", choose: Choose = first
) -> Decision:
    """The value of `parameter` under the quantities `known`, with the chain that led to it.

    `choose` picks from the choices of a row; None means that none will do: the next row decides.
    """
    for row in ranked(table, parameter, known, prefer):
        picked = choose(row.choices) if row.choices is not None else row.value
        if picked is not None or row.choices is None:
            return _decided(table, row, picked, known, prefer)
    return Decision(None, Origin("fixed", "no row of the factor table speaks"))


def _decided(table: Table, row: ValueRow, picked: Any, known: Quantities, prefer: str) -> Decision:
    parameter = row.parameter
    others = [other for other in ranked(table, parameter, known, prefer) if other.id != row.id]
    factors = [
        factor
        for factor in table.factor
        if row.range and parameter in factor.parameters and not unmet(factor.when, known)
    ]
    value = _valued(row, picked, known, factors)
    steps = [f"{row.kind}: {row.shown()} ({row.source}){_conditions(row)}"]
    if row.note:
        steps.append(f"note: {row.note}")
    if row.range:
        moved = "".join(f"; {'up' if f.shift > 0 else 'down'}: {f.effect}" for f in factors)
        steps.append(f"{value:g} within {row.shown()}{moved}")
    if row.choices is not None:
        steps.append(f"{_shown(value)} of these")
    value, bounds = limited(table, parameter, value, known)
    return Decision(
        value,
        Origin(
            "factor",
            _summary(row, [*factors, *bounds]),
            steps=(*steps, *(f"limit: {bound.effect} ({bound.source})" for bound in bounds)),
            beside=tuple(_beside(other, value, known) for other in others),
            changes=changes(table, parameter, known, row),
            row=row.id,
            row_kind=row.kind,
        ),
    )


def limited(
    table: Table, parameter: str, value: Any, known: Quantities
) -> tuple[Any, list[LimitRow]]:
    """`value` within the limits that hold, and those that bit."""
    bit = []
    for limit in table.limit:
        if limit.parameter != parameter or unmet(limit.when, known):
            continue
        bounded = _bounded(limit, value, known)
        if bounded != value:
            value = bounded
            bit.append(limit)
    return value, bit


def unmet(when: Mapping[str, Any], known: Quantities) -> list[str]:
    """The conditions that do not hold, as text; a condition on an unknown quantity does not."""
    return [
        f"{name} {_wanted(condition)} (is {_shown(known.get(name))})"
        for name, condition in when.items()
        if not _holds(condition, known.get(name))
    ]


def changes(
    table: Table, parameter: str, known: Quantities, chosen: ValueRow | None
) -> tuple[str, ...]:
    """What would change the value: rows, factors and limits whose conditions do not hold now."""
    lines = [
        f"{row.shown()} if {' and '.join(unmet(row.when, known))} [{row.kind}: {row.source}]"
        for row in table.value
        if row.parameter == parameter and unmet(row.when, known)
    ]
    if chosen is not None and chosen.range:
        lines += [
            f"{'higher' if factor.shift > 0 else 'lower'} if "
            f"{' and '.join(unmet(factor.when, known))}: {factor.effect}"
            for factor in table.factor
            if parameter in factor.parameters and unmet(factor.when, known)
        ]
    lines += [
        f"bounded if {' and '.join(unmet(limit.when, known))}: {limit.effect}"
        for limit in table.limit
        if limit.parameter == parameter and unmet(limit.when, known)
    ]
    return tuple(lines)


def _holds(condition: Any, value: Any) -> bool:
    if value is None:
        return False
    if isinstance(condition, list):
        return any(fnmatchcase(str(value).lower(), wanted.lower()) for wanted in condition)
    low, high = condition.get("min", -math.inf), condition.get("max", math.inf)
    return bool(low <= value <= high)


def _wanted(condition: Any) -> str:
    if isinstance(condition, list):
        return "is " + " or ".join(condition)
    low, high = condition.get("min"), condition.get("max")
    if low is not None and high is not None:
        return f"{low:g}–{high:g}"
    return f"≥ {low:g}" if low is not None else f"≤ {high:g}"


def _shown(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _conditions(row: ValueRow) -> str:
    held = ", ".join(f"{name} {_wanted(condition)}" for name, condition in row.when.items())
    return f", for {held}" if held else ""


def _valued(row: ValueRow, picked: Any, known: Quantities, factors: Sequence[FactorRow]) -> Any:
    if row.range is not None:
        position = row.start + QUARTER * sum(factor.shift for factor in factors)
        return _within(row, min(1.0, max(0.0, position)))
    if row.times is not None:
        return row.times * known[row.of] if known.get(row.of) is not None else None
    return picked


def _within(row: ValueRow, position: float) -> float:
    assert row.range is not None
    low, high = row.range
    if row.scale == "log":
        return _two_digits(low * (high / low) ** position)
    if row.scale == "power":
        return float(2 ** round(math.log2(low) + (math.log2(high) - math.log2(low)) * position))
    value = low + (high - low) * position
    return float(math.floor(value + 0.5)) if row.scale == "integer" else _two_digits(value)


def _two_digits(value: float) -> float:
    return float(f"{value:.1e}")


def _bounded(limit: LimitRow, value: Any, known: Quantities) -> Any:
    high = limit.max
    if limit.max_times is not None and known.get(limit.of) is not None:
        high = math.floor(limit.max_times * known[limit.of])
    if high is not None and value > high:
        return type(value)(high)
    if limit.min is not None and value < limit.min:
        return type(value)(limit.min)
    return value


def _summary(row: ValueRow, moved: Sequence[FactorRow | LimitRow]) -> str:
    several = row.range is not None or (row.choices is not None and len(row.choices) <= 3)
    why = "".join(f"; {entry.effect}" for entry in moved)
    return f"{row.kind}: {row.shown() if several else row.source}{why}"


def _beside(row: ValueRow, chosen: Any, known: Quantities) -> str:
    value = row.shown()
    if row.times is not None and known.get(row.of) is not None:
        value = f"{value} = {row.times * known[row.of]:g}"
    same = "agrees" if row.value == chosen else "says"
    return f"{row.kind} {same}: {value} ({row.source})"
