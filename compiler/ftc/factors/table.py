"""Reads factor tables: ours, and a team's laid over it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ftc.diagnostics import nearest
from ftc.errors import FtcError
from ftc.locate import line_of

SHIPPED = Path(__file__).with_name("table.toml")
Kind = Literal["team", "guide", "paper", "vendor", "example", "judgment"]
Scale = Literal["linear", "log", "integer", "power"]
Value = float | str | bool
QUANTITIES = [
    "method",
    "stage",
    "task",
    "model",
    "device",
    "gpus",
    "rows",
    "vram_gb",
    "params_b",
    "answer_tokens",
    "row_tokens",
    "max_steps",
    "lora_rank",
]
PARAMETERS = [
    "method",
    "quant_bits",
    "lora_rank",
    "lora_alpha",
    "lora_dropout",
    "lora_targets",
    "learning_rate",
    "lr_scheduler",
    "min_lr_ratio",
    "warmup_steps",
    "epochs",
    "effective_batch",
    "micro_batch",
    "max_length",
    "packing",
    "optimizer",
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "weight_decay",
    "max_grad_norm",
    "neftune_alpha",
    "train_on_prompt",
    "thinking",
    "seed",
    "tf32",
    "attention",
    "gradient_checkpointing",
    "preference_beta",
    "preference_loss",
    "desirable_weight",
    "undesirable_weight",
    "evaluations",
    "save_total_limit",
]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1)
    when: dict[str, list[str] | dict[Literal["min", "max"], float]] = Field(default_factory=dict)
    kind: Kind
    source: str = Field(min_length=1)
    note: str = ""

    @model_validator(mode="after")
    def _known(self) -> _Entry:
        for quantity in self.when:
            if quantity not in QUANTITIES:
                raise ValueError(f"unknown condition {quantity!r}{_meant(quantity, QUANTITIES)}")
        for name in self.names():
            if name not in PARAMETERS:
                raise ValueError(f"unknown parameter {name!r}{_meant(name, PARAMETERS)}")
        return self

    def names(self) -> list[str]:
        return []


class ValueRow(_Entry):
    """A value, an ordered choice or a range of one parameter; `outer` is the typical range."""

    parameter: str
    value: Value | None = None
    choices: list[Value] | None = Field(None, min_length=1)
    range: tuple[float, float] | None = None
    times: float | None = None
    of: str = ""
    start: float = Field(0.5, ge=0, le=1)
    scale: Scale = "linear"
    outer: tuple[float, float] | None = None
    outer_times: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _one(self) -> ValueRow:
        given = [self.value, self.choices, self.range, self.times]
        if sum(part is not None for part in given) != 1:
            raise ValueError("give exactly one of value, choices, range, times")
        if self.times is not None and self.of not in QUANTITIES:
            raise ValueError(f"times needs of = one of {', '.join(QUANTITIES)}")
        return self

    def names(self) -> list[str]:
        return [self.parameter]

    def shown(self) -> str:
        """The cell as a person reads it."""
        if self.range is not None:
            return f"{self.range[0]:g} to {self.range[1]:g}"
        if self.choices is not None:
            return " or ".join(_plain(choice) for choice in self.choices)
        if self.times is not None:
            return f"{self.times:g} × {self.of}"
        return _plain(self.value)


class FactorRow(_Entry):
    """Moves ranges by `shift` quarters, down or up."""

    parameters: list[str] = Field(min_length=1)
    shift: float = Field(ge=-4, le=4)
    effect: str

    def names(self) -> list[str]:
        return self.parameters


class LimitRow(_Entry):
    """Bounds a decided value; `max_times` is a multiple of the quantity `of`."""

    parameter: str
    min: float | None = None
    max: float | None = None
    max_times: float | None = None
    of: str = ""
    effect: str

    def names(self) -> list[str]:
        return [self.parameter]


class Table(BaseModel):
    """A whole table; `trust` orders the kinds, most trusted first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trust: list[Kind] = Field(default_factory=list)
    value: list[ValueRow] = Field(default_factory=list)
    factor: list[FactorRow] = Field(default_factory=list)
    limit: list[LimitRow] = Field(default_factory=list)


@lru_cache
def shipped() -> Table:
    """The table that ships with ftc."""
    return _read(SHIPPED)


def load(overlays: Iterable[Path] = ()) -> Table:
    """The shipped table with each overlay on top; a row with a known id replaces that row.

    Rows of an overlay without `kind` count as "team". FtcError names file, line and fault.
    """
    table = shipped()
    for path in overlays:
        table = _laid_over(table, _read(path, team=True))
    return table


def _laid_over(below: Table, top: Table) -> Table:
    def merged(under: Any, over: Any) -> Any:
        replaced = {row.id for row in over}
        return [*over, *(row for row in under if row.id not in replaced)]

    return Table(
        trust=top.trust or below.trust,
        value=merged(below.value, top.value),
        factor=merged(below.factor, top.factor),
        limit=merged(below.limit, top.limit),
    )


def _read(path: Path, team: bool = False) -> Table:
    try:
        text = path.read_text("utf-8")
        raw = tomllib.loads(text)
    except OSError as error:
        raise FtcError(
            f"{path}: factor table cannot be read: {error.strerror}",
            hint="[factors] tables = [...] names files relative to the recipe",
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FtcError(f"{path}: is not a factor table: {error}") from error
    if team:
        for part in ("value", "factor", "limit"):
            for row in raw.get(part, []):
                row.setdefault("kind", "team")
    try:
        return Table.model_validate(raw)
    except ValidationError as error:
        faults = [_fault(path, text, raw, fault) for fault in error.errors()]
        raise FtcError("\n".join(faults), hint="docs/factors.md shows how a row looks") from error


def _fault(path: Path, text: str, raw: Any, fault: Any) -> str:
    where = ".".join(str(part) for part in fault["loc"])
    section, index = [*fault["loc"], None, None][:2]
    name = ""
    if isinstance(index, int) and isinstance(raw[section][index], dict):
        name = f" (row {raw[section][index].get('id', index + 1)})"
    line = line_of(text, [part for part in fault["loc"] if isinstance(part, str)][:1])
    place = f"{path}:{line}" if line and not name else str(path)
    return f"{place}: {where}{name}: {fault['msg'].removeprefix('Value error, ')}"


def _meant(name: str, known: list[str]) -> str:
    guess = nearest(name, known)
    return f"; did you mean {guess}?" if guess else f"; known: {', '.join(known)}"


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
