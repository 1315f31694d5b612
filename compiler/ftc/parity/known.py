"""The differences that are known, and why they are there: known.toml, matched by exact tokens.

An entry explains a difference; it excuses it only where `harmless` stands, and that is checked
here, not in the table: one line break after the end of a turn that one tool trains on too.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from ftc.backends.base import PREFERENCE, at_least
from ftc.parity.records import Level, Told
from ftc.parity.report import Kind, Reason, Unchecked
from ftc.plan import Plan

NO_REMEDY = "nothing takes it away in this stage: train in one tool, and compare runs of that one"
TABLE = Path(__file__).with_name("known.toml")


@dataclass(frozen=True)
class Seen:
    """A difference of tokens as the table sees it.

    `has` is the tool that has the tokens, or trains on them, or left the row out; "" for neither
    alone. `text` is what they say there, `other` what stands in their place in the other tool;
    `before` is the text in front of them, `last` that nothing follows, `count` how many they are,
    `long` that one side is longer than the plan's `max_length`. `turn` says that the token in front
    of them is one that both tools train on.
    """

    kind: Kind
    has: str
    text: str
    other: str
    before: str
    count: int
    last: bool = False
    long: bool = False
    turn: bool = False

    @property
    def line_break(self) -> bool:
        """One line break after the end of a trained turn, which one tool alone trains on."""
        return (self.kind, self.text, self.count) == ("labels", "\n", 1) and self.turn


@dataclass(frozen=True)
class Entry:
    """One entry of the table: `reason`, and what a difference must be for it to be the reason.

    `texts` are exact; `pattern` is a regular expression for what differs from row to row, with
    `{turn_end}` and `{other}` (the other tool's text) to be filled in. `other` and `before` are
    patterns too, `before` for the end of the text in front. `values` names values of the run.
    """

    reason: Reason
    tool: str
    kind: str = ""
    has: str = ""
    texts: tuple[str, ...] = ()
    pattern: str = ""
    other: str = ""
    before: str = ""
    count: int = 0
    same: bool = False
    last: bool = False
    long: bool = False
    values: tuple[str, ...] = ()
    below: str = ""
    since: str = ""
    when: Mapping[str, Any] = field(default_factory=dict)  # Any: plan values, or a bound


@cache
def table() -> dict[str, Any]:
    """known.toml as it stands."""
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


@cache
def entries() -> tuple[Entry, ...]:
    """The whole table."""
    return tuple(_entry(dict(raw)) for raw in table()["known"])


def applying(plan: Plan, told: Iterable[Told]) -> tuple[Entry, ...]:
    """The entries that a plan and the two tools' versions can meet."""
    versions = {it.backend: it.version for it in told}
    return tuple(
        _for_stage(entry, plan)
        for entry in entries()
        if holds(entry.when, plan) and _in_range(entry, versions.get(entry.tool, ""))
    )


def _for_stage(entry: Entry, plan: Plan) -> Entry:
    """The entry with a remedy that the stage has: preference rows know no exact tokens."""
    if entry.reason.neutralise != "exact" or plan.stage not in PREFERENCE:
        return entry
    return replace(entry, reason=replace(entry.reason, neutralise="never", remedy=NO_REMEDY))


def unchecked(plan: Plan, asked: Iterable[Level]) -> tuple[Unchecked, ...]:
    """What of a plan a comparison at these levels cannot show, on a CPU with a small model."""
    levels = tuple(asked)
    return tuple(
        Unchecked(raw["what"], raw["why"])
        for raw in table()["unchecked"]
        if raw["level"] in levels and holds(raw.get("when", {}), plan)
    )


def holds(when: Mapping[str, Any], plan: Plan) -> bool:
    """Every setting named has one of the values listed, or keeps to {above} or {given}."""
    return all(_meets(getattr(plan, name), wanted) for name, wanted in when.items())


def tokens_reason(entries: Iterable[Entry], plan: Plan, seen: Seen) -> Reason | None:
    """Why the tokens differ, None when nobody knows."""
    for entry in entries:
        allowed = seen.line_break or not entry.reason.harmless
        if allowed and not entry.values and _fits(entry, plan, seen):
            return entry.reason
    return None


def value_reason(entries: Iterable[Entry], what: str) -> Reason | None:
    """Why a value of the run differs, None when nobody knows."""
    return next((entry.reason for entry in entries if what in entry.values), None)


def _entry(raw: dict[str, Any]) -> Entry:
    reason = Reason(**{key: value for key, value in raw.items() if key in _REASON})
    shaped: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in raw.items()
        if key not in _REASON
    }
    return Entry(reason=reason, **shaped)


_REASON = frozenset(Reason.__dataclass_fields__)


def _in_range(entry: Entry, version: str) -> bool:
    if not version:
        return False
    return (not entry.below or not at_least(version, entry.below)) and (
        not entry.since or at_least(version, entry.since)
    )


def _meets(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        above = "above" not in wanted or (value is not None and value > wanted["above"])
        return above and ("given" not in wanted or (value is not None) is wanted["given"])
    return value in wanted


def _fits(entry: Entry, plan: Plan, seen: Seen) -> bool:
    return (
        entry.kind == seen.kind
        and entry.has == seen.has
        and (not entry.count or entry.count == seen.count)
        and (seen.text == seen.other or not entry.same)
        and (seen.last or not entry.last)
        and (seen.long or not entry.long)
        and all(_says(plan, seen, *it) for it in _patterns(entry, seen))
    )


def _patterns(entry: Entry, seen: Seen) -> Iterator[tuple[str, str]]:
    """(pattern, text that it must fit)."""
    if entry.texts:
        yield "|".join(map(re.escape, entry.texts)), seen.text
    elif entry.pattern:
        yield entry.pattern, seen.text
    if entry.kind == "ids" and not entry.same:
        yield entry.other, seen.other
    if entry.before:
        yield f".*(?:{entry.before})", seen.before


def _says(plan: Plan, seen: Seen, pattern: str, text: str) -> bool:
    filled = pattern.replace("{turn_end}", re.escape(plan.turn_end) if plan.turn_end else ".+")
    filled = filled.replace("{other}", re.escape(seen.other.strip()))
    return re.fullmatch(filled, text, re.DOTALL) is not None
