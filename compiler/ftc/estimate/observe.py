"""Holds the estimate of a finished run against what was measured of it, and keeps both as rows.

All is read from the run folder: its record, its plan, its copy of the backend's config, and the
model's config as the training process saw it. The recipe may have changed since.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ftc.backends.memory import job as backend_job
from ftc.errors import FtcError
from ftc.facts import architecture
from ftc.memory import measured
from ftc.memory.job import Job
from ftc.memory.measured import Metric, Row
from ftc.memory.nearest import predicted
from ftc.memory.shape import Shape
from ftc.plan import Plan
from ftc.run import folders, launch, peak, record
from ftc.run.record import Record

# Settings that a plan of an older ftc lacks -> what its runs did.
LATER = {"liger_kernel": False, "segments": "none"}
STEPS = ("first step", "train step")
ON_CPU = "main memory of the process in a training step, without what it had before the model"
RETAINED = "; freed memory that malloc keeps is in it"
AGAIN = "ftc run RECIPE records it: train once more, a few steps are enough"


class Observed(NamedTuple):
    """One figure of a run in GiB: what the formula says of the very config that ran, and what was
    measured; `row` is how it is kept."""

    metric: Metric
    predicted: float
    measured: float
    row: Row


def observe(run: Path) -> tuple[Observed, ...]:
    """Every measured figure of a finished run.

    On a GPU torch's counters and what the driver showed; on a CPU the growth of main memory, as
    "allocated". Raises FtcError for a folder that is no run, that is not finished, that was
    changed since, or in which nothing was measured.
    """
    old = record.read(run)
    if old.state != "finished":
        raise FtcError(
            f"{run}: this run is {old.state}: its memory is not that of a whole run",
            hint="name a finished one" if old.state == "running" else "--resume goes on with it",
        )
    _check_unchanged(old)
    plan = _plan(run)
    found = _measured(old, plan)
    if not found:
        raise FtcError(f"{run}: no peak of memory was measured in this run", hint=AGAIN)
    shape = _shape(run)
    job = backend_job(plan, old.backend, old.version, _config(old))
    rows = [_row(old, plan, shape, job, metric, gib) for metric, gib in found.items()]
    return tuple(Observed(row.metric, predicted(row), row.gib, row) for row in rows)


def keep(path: Path, found: Sequence[Observed]) -> int:
    """Puts the rows into a team's file, and says how many were not there; a run that was there
    already is replaced. Raises FtcError on a broken file."""
    before = {row.id for row in measured.read(path)} if path.exists() else set()
    for it in found:
        measured.append(path, it.row)
    return len({it.row.id for it in found} - before)


def _check_unchanged(old: Record) -> None:
    """The files that say what ran are the ones that ran."""
    names = ("plan.json", launch.config_of(old.backend))
    missing = [name for name in names if not (old.folder / name).is_file()]
    if missing:
        raise FtcError(
            f"{old.folder}: has no {missing[0]} any more", hint="a run is observed in its folder"
        )
    now = folders.hashes(old.folder, names)
    changed = [name for name in names if now[name] != old.hashes.get(name)]
    if changed:
        raise FtcError(
            f"{old.folder / changed[0]}: has changed since the run", hint="put it back as it was"
        )


def _plan(run: Path) -> Plan:
    """The plan of the run; lists were tuples before they were JSON."""
    values = LATER | launch.settings(run)
    known = [part.name for part in fields(Plan) if part.name != "origins"]
    missing = [name for name in known if name not in values]
    if missing:
        raise FtcError(
            f"{run / 'plan.json'}: has no {missing[0]}", hint=f"another ftc made this run; {AGAIN}"
        )
    return Plan(**{name: _tupled(values[name]) for name in known})


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _shape(run: Path) -> Shape:
    """The model that was trained. A base that was quantised while it was loaded counts as plain:
    the job says its bits."""
    config = peak.model(run)
    if config is None:
        raise FtcError(f"{run}: nothing is known of the model that was trained", hint=AGAIN)
    quantised = config.get("quantization_config")
    if isinstance(quantised, dict) and quantised.get("quant_method") == "bitsandbytes":
        config = {key: it for key, it in config.items() if key != "quantization_config"}
    return architecture.shape(config, str(run / peak.FOLDER))


def _config(old: Record) -> Mapping[str, Any]:
    path = old.folder / launch.config_of(old.backend)
    try:
        text = path.read_text("utf-8")
        config = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise FtcError(f"{path}: cannot be read", hint=str(error)) from error
    if not isinstance(config, dict):
        raise FtcError(f"{path}: is not a config of {old.backend}", hint=AGAIN)
    return config


def _measured(old: Record, plan: Plan) -> dict[Metric, float]:
    """GiB by metric, of what could be measured."""
    seen = old.peak
    steps = [seen.parts[name] for name in STEPS if name in seen.parts]
    if plan.device == "cpu":
        if seen.before is None or not steps:
            return {}
        growth = max(steps) - seen.before
        return {"allocated": growth} if growth > 0 else {}
    allocated = max(steps) if steps and seen.allocated is not None else seen.allocated
    figures: dict[Metric, float | None] = {
        "allocated": allocated,
        "reserved": seen.reserved,
        "device": seen.driver,
    }
    return {metric: gib for metric, gib in figures.items() if gib}


def _row(old: Record, plan: Plan, shape: Shape, job: Job, metric: Metric, gib: float) -> Row:
    """How a figure is kept: settings, shapes and numbers; of a local model its folder's name."""
    cards = peak.cards(old.folder)
    where = cards[0] if cards else plan.device.upper()
    return Row(
        id=f"{old.folder.absolute().name}-{metric}",
        name=Path(plan.model).name if Path(plan.model).is_absolute() else plan.model,
        shape=shape,
        job=job,
        metric=metric,
        gib=round(gib, 4),
        source=f"ftc run, {old.backend} {old.version}, {where}, {old.ended[:10]}",
        group=old.backend,
        reading=_reading(old.folder) if plan.device == "cpu" else "",
    )


def _reading(run: Path) -> str:
    return ON_CPU + (RETAINED if peak.retained(run) else "")
