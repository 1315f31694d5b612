"""What the file of a factor table may hold; the rows that come of it are in `table`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ftc.diagnostics import nearest
from ftc.errors import FtcError
from ftc.factors.table import PARAMETERS, QUANTITIES, Kind, Scale, Value
from ftc.locate import line_of


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


class _Value(_Entry):
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
    def _one(self) -> _Value:
        given = [self.value, self.choices, self.range, self.times]
        if sum(part is not None for part in given) != 1:
            raise ValueError("give exactly one of value, choices, range, times")
        if self.times is not None and self.of not in QUANTITIES:
            raise ValueError(f"times needs of = one of {', '.join(QUANTITIES)}")
        return self

    def names(self) -> list[str]:
        return [self.parameter]


class _Factor(_Entry):
    parameters: list[str] = Field(min_length=1)
    shift: float = Field(ge=-4, le=4)
    effect: str

    def names(self) -> list[str]:
        return self.parameters


class _Limit(_Entry):
    parameter: str
    min: float | None = None
    max: float | None = None
    max_times: float | None = None
    of: str = ""
    effect: str

    def names(self) -> list[str]:
        return [self.parameter]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    trust: list[Kind] = Field(default_factory=list)
    value: list[_Value] = Field(default_factory=list)
    factor: list[_Factor] = Field(default_factory=list)
    limit: list[_Limit] = Field(default_factory=list)


def read(path: Path, team: bool = False) -> dict[str, Any]:
    """The sections of a table as plain data, every key of every row filled in.

    Rows without `kind` count as "team" in a team's table. FtcError names file, line and fault.
    """
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
        return _Table.model_validate(raw).model_dump()
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
