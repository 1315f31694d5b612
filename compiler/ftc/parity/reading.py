"""Reads what an inside script has written, as a `Told`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftc import backends
from ftc.parity import pinned
from ftc.parity.records import Group, Part, Row, Schedule, Told

PARTS: tuple[Part, ...] = ("train", "eval")


def told(out: Path, build: Path, backend: str, version: str) -> Told:
    """The files that a script left in `out`, with the settings that the build's config tells."""
    said = json.loads((out / "told.json").read_text(encoding="utf-8"))
    return Told(
        backend=backend,
        version=version,
        libraries=said["libraries"],
        rows={part: _rows(out / f"{part}.jsonl") for part in PARTS},
        schedule=_schedule(said["schedule"]) if said["schedule"] else None,
        losses=tuple(said["losses"]),
        settings=backends.get(backend).read(pinned.config(build, backend), version),
    )


def _rows(path: Path) -> tuple[Row, ...]:
    if not path.is_file():
        return ()
    with path.open(encoding="utf-8") as lines:
        return tuple(_row(json.loads(line)) for line in lines)


def _row(said: Mapping[str, Any]) -> Row:
    return Row(tuple(said["ids"]), tuple(said["labels"]), tuple(said["mask"]), said["role"])


def _schedule(said: Mapping[str, Any]) -> Schedule:
    return Schedule(
        steps=said["steps"],
        rates=tuple(said["rates"]),
        groups=tuple(
            Group(group["weight_decay"], group["rate"], tuple(group["names"]))
            for group in said["groups"]
        ),
        trainable={name: tuple(shape) for name, shape in said["trainable"].items()},
        arguments=said["arguments"],
        adapter=said["adapter"],
    )
