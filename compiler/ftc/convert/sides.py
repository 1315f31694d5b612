"""One side of a difference: what a path is, and all that is known of the run that it describes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ftc.backends import versions
from ftc.convert import kinds
from ftc.convert import source as sources
from ftc.convert.meaning import Native, Note
from ftc.convert.source import Source
from ftc.errors import FtcError
from ftc.memory.shape import Shape
from ftc.plan import Plan
from ftc.run import record
from ftc.run.launch import CONFIGS, REBUILD
from ftc.run.record import Record

LOCK = "ftc.lock"  # tells a build folder
What = Literal["recipe", "plan", "config", "build", "run"]


class Own(NamedTuple):
    """A key that stands for no concept, and what there is to say of it."""

    value: Any
    note: Note


@dataclass(frozen=True)
class Place:
    """What a path is; `tool` and `version` are "" where it is for either tool."""

    path: Path
    what: What
    tool: str = ""
    version: str = ""
    source: Source | None = None
    record: Record | None = None


@dataclass(frozen=True, kw_only=True)
class Side:
    """`values` by concept, of which `left` are those that nobody set; `own` the keys without a
    concept. `whole`: what has no value is not set; else it is not known. `steps` are those of the
    whole run, `ids` how often each training row is there, `digest` that of all rows, `family`
    that of the model's own chat template, `config` and
    `plan` what the memory formula asks; None, "" or empty where they are not known."""

    name: str
    what: What
    tool: str = ""
    version: str = ""
    values: Mapping[str, Any]
    left: frozenset[str] = frozenset()
    own: Mapping[str, Own] = field(default_factory=dict)
    whole: bool = True
    steps: int | None = None
    ids: Mapping[str, int] | None = None
    digest: str = ""
    shape: Shape | None = None
    family: str = ""
    config: Native = field(default_factory=dict)
    plan: Plan | None = None
    record: Record | None = None
    remarks: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """What it is, for JSON."""
        names = ("name", "what", "tool", "version", "whole", "remarks")
        return {name: getattr(self, name) for name in names}


def place(path: Path) -> Place:
    """What is at a path; FtcError when it can be no side of a difference."""
    if not path.is_dir():
        made = path.name in CONFIGS.values() and (path.parent / LOCK).is_file()
        return place(path.parent) if made else _file(path)
    if (path / record.NAME).is_file():
        told = record.read(path)
        return Place(path, "run", told.backend, told.version, record=told)
    if (path / LOCK).is_file() and (path / "plan.json").is_file():
        lock = table(path / LOCK)
        line = versions.find(str(lock.get("backend")), str(lock.get("version")))
        return Place(path, "build", line.backend, line.version)
    raise FtcError(
        f"{path}: is neither a build folder nor a run folder",
        hint="a build folder holds ftc.lock and plan.json, a run folder run.json",
    )


def _file(path: Path) -> Place:
    found = sources.read(path)
    if "model" in found.values and all(_settled(it) for it in found.values.values()):
        return Place(path, "plan", source=found)
    tool = kinds.training(found)
    if tool == "recipe":
        return Place(path, "recipe", source=found)
    return Place(path, "config", tool, versions.find(tool, "").version, found)


def _settled(it: Any) -> bool:
    """A setting as `ftc plan --format json` prints it."""
    return isinstance(it, Mapping) and {"value", "origin"} == it.keys()


def table(path: Path) -> dict[str, Any]:
    """A JSON file of a build folder; FtcError when it is broken."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise FtcError(f"{path}: cannot be read: {error.strerror}", hint=REBUILD) from error
    except ValueError as error:
        raise FtcError(f"{path}: is not JSON: {error}", hint=REBUILD) from error
    if not isinstance(found, dict):
        raise FtcError(f"{path}: is no table of settings", hint=REBUILD)
    return found
