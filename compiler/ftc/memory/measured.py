"""Measured runs: the published ones that ship with ftc, and those that a team keeps of its own.

Both are CSV files of one format: a row names its model (or spells out its shape), what was
measured, where it was published, and the `Job` of the run, one column a setting.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import MISSING, Field, fields
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast, get_args, get_origin, get_type_hints

from ftc import kept
from ftc.diagnostics import nearest
from ftc.errors import FtcError
from ftc.memory.job import GIB, Job
from ftc.memory.shape import Shape

TABLE = Path(__file__).with_name("measured.csv")
MODELS = Path(__file__).with_name("measured_models.toml")
UNITS = {"GiB": 1.0, "GB": 1e9 / GIB}
# Of a row of measured.csv. "read": what the source leaves open was read from its scripts;
# "bound": the longest context that fitted a card, not a reading of a counter.
Setting = Literal["complete", "read", "bound"]
Metric = Literal["allocated", "reserved", "needed", "device"]
ABOUT = ("id", "group", "model", "shape", "metric", "measured", "unit")
NOTES = ("setting", "held_out", "reading", "source")
MADE_BY = "name a file that ftc estimate --observe made"


class Row(NamedTuple):
    """One figure of one run, in GiB on its fullest card.

    `metric` is what was read: torch's max_memory_allocated or max_memory_reserved, the fit test
    of `Estimate.needed`, or what the driver showed ("device"). `group` names the training loop.
    `reading` says how settings that the source leaves open were read. `held_out` rows took no
    part in any choice of the formula.
    """

    id: str
    name: str
    shape: Shape
    job: Job
    metric: Metric
    gib: float
    source: str
    group: str
    setting: Setting = "complete"
    reading: str = ""
    held_out: bool = False


@cache
def shipped() -> tuple[Row, ...]:
    """The published rows that ship with ftc."""
    return read(TABLE)


def read(path: Path) -> tuple[Row, ...]:
    """The rows of a file. Raises FtcError, with the line, on one that is not such a file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FtcError(f"{path}: cannot be read: {error.strerror}", hint=MADE_BY) from error
    except UnicodeDecodeError as error:
        text = f"{path}: is not UTF-8 text (byte {error.start})"
        raise FtcError(text, hint=MADE_BY) from error
    lines = csv.DictReader(io.StringIO(text, newline=""))
    columns = set(lines.fieldnames or ())
    missing = {"id", "model", "metric", "measured", "max_length"} - columns
    if missing:
        raise FtcError(
            f"{path}: not a file of measured runs", hint=f"no column {sorted(missing)[0]}"
        )
    unknown = sorted(columns - {*ABOUT, *NOTES, *_settings()})
    if unknown:
        guess = nearest(unknown[0], _settings())
        raise FtcError(
            f"{path}: unknown column {unknown[0]!r}",
            hint=f"did you mean {guess}?" if guess else "take it out",
        )
    try:
        return tuple(_row(line) for line in lines)
    except (ValueError, csv.Error) as error:
        raise FtcError(f"{path}:{lines.line_num}: {error}", hint="mend or remove the line") from (
            error
        )


def append(path: Path, row: Row) -> None:
    """Add a row to a team's file, made when it is not there; a row of the same id is replaced.

    The file is written beside and moved in place: whole or not at all. Raises FtcError.
    """
    rows = read(path) if path.exists() else ()
    text = written((*(other for other in rows if other.id != row.id), row))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".")
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
        Path(beside).replace(path)
    except OSError as error:
        raise FtcError(f"{path}: cannot be written", hint=str(error)) from error


def written(rows: Iterable[Row]) -> str:
    """A file's text that `read` gives back as these rows; every shape is spelled out."""
    stream = io.StringIO()
    columns = [*ABOUT, *NOTES, *_settings()]
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_cells(row) for row in rows)
    return stream.getvalue()


def _cells(row: Row) -> dict[str, str]:
    shape = {
        part.name: getattr(row.shape, part.name)
        for part in fields(Shape)
        if getattr(row.shape, part.name) != part.default
    }
    return {
        "id": row.id,
        "group": row.group,
        "model": row.name,
        "shape": json.dumps(shape),
        "metric": row.metric,
        "measured": f"{row.gib:.4f}",
        "unit": "GiB",
        "setting": row.setting,
        "held_out": "yes" if row.held_out else "no",
        "reading": row.reading,
        "source": row.source,
        **{name: _text(getattr(row.job, name)) for name in _settings()},
    }


def _row(line: dict[str, str | None]) -> Row:
    cells = {name: text or "" for name, text in line.items()}
    gib = _number(cells, "measured") * UNITS.get(cells.get("unit") or "GiB", 0)
    if not gib > 0 or gib > 1e6:
        raise ValueError("measured and unit do not give a positive number of GiB")
    metric = cells["metric"]
    if metric not in get_args(Metric):
        raise ValueError(f"metric {metric!r} is none of {', '.join(get_args(Metric))}")
    setting = cells.get("setting") or "complete"
    if setting not in get_args(Setting):
        raise ValueError(f"setting {setting!r} is none of {', '.join(get_args(Setting))}")
    return Row(
        id=cells["id"],
        name=cells["model"],
        shape=_shape(cells["model"], cells.get("shape", "")),
        job=Job(
            **{
                name: _value(name, text)
                for name, text in cells.items()
                if text and name in _settings()
            }
        ),
        metric=cast(Metric, metric),
        gib=gib,
        source=cells.get("source", ""),
        group=cells.get("group", ""),
        setting=cast(Setting, setting),
        reading=cells.get("reading", ""),
        held_out=cells.get("held_out") == "yes",
    )


def _shape(model: str, spelled: str) -> Shape:
    if not spelled:
        if model not in models():
            raise ValueError(f"the shape of model {model!r} is not given")
        return models()[model]
    values = json.loads(spelled)
    known = {part.name for part in fields(Shape)}
    if not isinstance(values, dict):
        raise ValueError("shape is not a JSON object")
    try:
        return Shape(**{key: _listed(value) for key, value in values.items() if key in known})
    except TypeError as error:
        raise ValueError(f"shape: {error}") from error


def _listed(value: Any) -> Any:
    """JSON and TOML lists are tuples in a frozen record."""
    return tuple(_listed(part) for part in value) if isinstance(value, list) else value


@cache
def models() -> dict[str, Shape]:
    """Shapes of the published rows' models, by the name that the rows give them."""
    known = {part.name for part in fields(Shape)}
    return {
        name: Shape(**{key: _listed(value) for key, value in row.items() if key in known})
        for name, row in kept.table(MODELS).items()
    }


@cache
def _settings() -> dict[str, Field[Any]]:
    return {part.name: part for part in fields(Job)}


@cache
def _choices(name: str) -> tuple[str, ...]:
    """What a setting may be, as written; nothing when it is open."""
    hint = get_type_hints(Job)[name]
    return tuple(str(value) for value in get_args(hint)) if get_origin(hint) is Literal else ()


@lru_cache(maxsize=4096)  # a few values fill most cells
def _value(name: str, text: str) -> Any:
    default = _settings()[name].default
    if isinstance(default, bool):
        if text not in ("yes", "no"):
            raise ValueError(f"{name} {text!r} is neither yes nor no")
        return text == "yes"
    if isinstance(default, tuple):
        return () if text == "-" else tuple(text.split())
    choices = _choices(name)
    if choices and text not in choices:
        raise ValueError(f"{name} {text!r} is none of {', '.join(choices)}")
    if isinstance(default, str):
        return text
    value = _number({name: text}, name)
    if value < 0:
        raise ValueError(f"{name} {text!r} is negative")
    if default is MISSING and value < 1:
        raise ValueError(f"{name} {text!r} is not a positive number")
    return value if isinstance(default, float) else int(value)


def _number(cells: dict[str, str], name: str) -> float:
    try:
        return float(cells[name])
    except ValueError:
        raise ValueError(f"{name} {cells[name]!r} is not a number") from None


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(value) or "-"
    return str(value)
