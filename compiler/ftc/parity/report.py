"""What `ftc verify` found, as data: the JSON of a build folder is `Report.as_dict()`.

Two-sided values stand in the order of `Report.tools`. Rows and steps count from 1, tokens from 0.
A field is added without further notice; when one changes its meaning or goes, SCHEMA rises.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ftc.parity.records import Level, Part

SCHEMA = 1
Kind = Literal["ids", "labels", "mask", "role", "cut", "dropped", "extra", "moved"]
KINDS: dict[str, str] = {  # Kind -> in words
    "ids": "other tokens",
    "labels": "the same tokens, other ones trained on",
    "mask": "the same tokens, other ones attended to",
    "role": "the same place in the data, another role",
    "cut": "a row that one tool cut short",
    "dropped": "a row that one tool left out",
    "extra": "a row that only one tool has, and the plan does not",
    "moved": "the same row, in another place",
}
Mode = Literal["native", "exact"]
Neutral = Literal["always", "exact", "never"]
State = Literal["equal", "different", "not told", "not asked"]
Sides = tuple[Any, Any]  # Any: values of plans and trainers, plain data


@dataclass(frozen=True)
class Tool:
    """One of the two that are compared."""

    name: str
    version: str
    libraries: Mapping[str, str]


@dataclass(frozen=True)
class Reason:
    """Why two tools differ. `name` is "" where nobody knows: the difference is unexplained.

    `neutralise` says whether ftc takes the difference away: "always" (it is there because a file
    was changed), with `[data] tokens = "exact"`, or "never". `remedy` is what to write instead.
    `harmless` differences leave a verdict equal.
    """

    name: str
    what: str
    why: str
    neutralise: Neutral
    remedy: str
    source: str = ""
    harmless: bool = False


@dataclass(frozen=True)
class Side:
    """What one tool has at a difference: `ids`, `texts`, `trained`, `mask` of its tokens there.

    `row` is its own row number, None when it has no such row; `index` the first token. `count`
    tokens differ; of a long run only the first are given.
    """

    row: int | None
    role: str
    index: int
    count: int
    ids: tuple[int, ...]
    texts: tuple[str, ...]
    trained: tuple[bool, ...]
    mask: tuple[int, ...]


@dataclass(frozen=True)
class RowDifference:
    """Tokens of a row in which the tools differ; `row` and `place` say where in the data.

    `before` and `after` are the text around the tokens, in the tool that has more of them.
    """

    kind: Kind
    part: Part
    row: int
    place: str
    role: str
    before: str
    after: str
    sides: tuple[Side, Side]
    reason: Reason


@dataclass(frozen=True)
class ValueDifference:
    """A value of the run in which the tools differ, or that is not what the plan says.

    `what` is dotted: steps, rates, groups.weight_decay, trainable.names, adapter.rank,
    arguments.max_steps, settings.learning_rate. `planned` is None where the plan has no say.
    """

    level: Level
    what: str
    planned: Any
    sides: Sides
    text: str
    reason: Reason


@dataclass(frozen=True)
class Curves:
    """The losses step by step. `largest` is the largest relative difference, at step `at`.

    `against` says what the first tool's curve is held to: the other tool's ("tools"), or the
    prediction of how its way of averaging changes the other's ("prediction"). `between` is always
    the difference of the tools themselves.
    """

    sides: tuple[tuple[float, ...], tuple[float, ...]]
    predicted: tuple[float, ...]
    against: Literal["tools", "prediction"]
    largest: float
    at: int
    between: float
    tolerance: float
    within: bool
    expected: str  # why the tools are expected to differ, "" when they are not


@dataclass(frozen=True)
class Verdict:
    """What came of one level; `checked` says in one line what was compared."""

    level: Level
    state: State
    checked: str
    text: str


@dataclass(frozen=True)
class Counts:
    """`rows` of each part by tool, `aligned` rows and `tokens` that were compared; `differences`
    by kind (values of the run under "values"); these are `harmless`, `known` or `unexplained`;
    `listed` of them are spelt out.
    """

    rows: Mapping[str, tuple[int, int]]
    aligned: int
    tokens: int
    trained: tuple[int, int]
    differences: Mapping[str, int]
    harmless: int
    known: int
    unexplained: int
    listed: Mapping[str, int]


@dataclass(frozen=True)
class Group:
    """All differences of one reason: how many, in how many rows, and the exact tokens."""

    reason: Reason
    kind: str
    count: int
    rows: int
    tokens: tuple[tuple[str, str, int], ...]  # text in either tool, how often; the most frequent
    first: str


@dataclass(frozen=True)
class Unchecked:
    """What cannot be checked here, and why."""

    what: str
    why: str


@dataclass(frozen=True)
class Report:
    """Everything that `ftc verify` says."""

    level: Level
    mode: Mode
    plan: Mapping[str, Any]  # name, stage, family, model, method
    tools: tuple[Tool, Tool]
    verdicts: tuple[Verdict, ...]
    counts: Counts
    groups: tuple[Group, ...]
    rows: tuple[RowDifference, ...]
    values: tuple[ValueDifference, ...]
    losses: Curves | None
    unchecked: tuple[Unchecked, ...]
    schema: int = SCHEMA

    @property
    def equal(self) -> bool:
        """Equal at every level asked for."""
        return all(it.state in ("equal", "not asked") for it in self.verdicts)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON, `equal` included; a number that JSON cannot say is a text."""
        found: dict[str, Any] = _plain({"equal": self.equal, **asdict(self)})
        return found


def named(kind: str) -> str:
    """What a kind of difference is, in words."""
    return KINDS.get(kind, "a value of the run")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
