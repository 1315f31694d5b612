"""Builds a recipe for both tools, asks each what it makes of it, and says whether it is the same.

The config files in the build folders are what is compared: one that was changed by hand since is
taken as it stands, and named.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftc.backends import versions
from ftc.backends.versions import Version
from ftc.build import Built
from ftc.errors import FtcError
from ftc.parity import losses, pinned, probe, reader
from ftc.parity.compare import Sources, compare
from ftc.parity.page import page
from ftc.parity.records import Level, Told
from ftc.parity.report import Report
from ftc.progress import Progress, quiet
from ftc.run import folders
from ftc.run.launch import REBUILD

JSON, PAGE = "verify.json", "verify.html"
AVERAGING = "micro-batches"


@dataclass(frozen=True)
class Pinned:
    """A setting of a config that the comparison left out of account, since it ran on a CPU."""

    backend: str
    key: str
    reason: str


@dataclass(frozen=True)
class Verified:
    """The report, the build folders that it stands in, and what else is to be known of them.

    `changed` are files of a build folder that are not as ftc wrote them.
    """

    report: Report
    builds: tuple[Path, Path]
    changed: tuple[str, ...]
    pinned: tuple[Pinned, ...]

    def as_dict(self) -> dict[str, Any]:
        """The report's plain data, with `builds`, `changed` and `pinned`."""
        return self.report.as_dict() | {
            "builds": [str(build) for build in self.builds],
            "changed": list(self.changed),
            "pinned": [vars(it) for it in self.pinned],
        }


def pair(specs: Iterable[str]) -> tuple[Version, Version]:
    """Axolotl and LLaMA-Factory, in the versions that `axolotl@0.19.0` and the like name.

    FtcError when one tool is named twice.
    """
    chosen: dict[str, Version] = {}
    for text in specs:
        line = versions.parse(text)
        if line.backend in chosen:
            raise FtcError(
                f"--backend: {line.backend} is named twice",
                hint="the two tools are compared, each in one version",
            )
        chosen[line.backend] = line
    one, two = (chosen.get(name) or versions.parse(name) for name in ("axolotl", "llamafactory"))
    return one, two


def verify(
    builds: tuple[Built, Built],
    level: Level,
    *,
    steps: int = probe.STEPS,
    rows: int | None = None,
    offline: bool = False,
    templates: Path | None = None,
    progress: Progress = quiet,
) -> Verified:
    """Compares both builds of one recipe, and writes verify.json and verify.html into each.

    `rows` is how many of each part are read, None for all; `steps` how many optimizer steps are
    trained at the level loss. FtcError with exit code 4 when a backend fails.
    """
    places = builds[0].folder, builds[1].folder
    changed = tuple(f"{place.name}/{name}" for place in places for name in edited(place))
    with probe.workspace_of() as workspace:
        told = _asked(places, level, steps, rows, offline, progress, workspace)
    report = compare(
        builds[0].plan,
        told[:2],
        level,
        reader.reader(places[0]).texts,
        sources=_sources(builds[0]),
        predicted=told[2],
        limit=rows,
    )
    found = Verified(report, places, changed, tuple(_pinned(places, told, level)))
    for place in places:
        _write(place, found, templates)
    return found


def _asked(
    builds: tuple[Path, Path],
    level: Level,
    steps: int,
    rows: int | None,
    offline: bool,
    progress: Progress,
    place: Path,
) -> tuple[Told, Told, Told | None]:
    """What both say; and what averaging as the older Axolotl does makes of LLaMA-Factory's run."""

    def ask(build: Path, averaging: str | None = None) -> Told:
        return probe.probe(
            build,
            level=level,
            steps=steps,
            rows=rows,
            offline=offline,
            averaging=averaging,
            progress=progress,
            workspace=place,
        )

    one, two = (ask(build) for build in builds)
    apart = level == "loss" and losses.expected((one, two))[0]
    return one, two, ask(builds[1], AVERAGING) if apart else None


def edited(build: Path) -> list[str]:
    """Files of a build folder that are gone or not as its ftc.lock says."""
    path = build / "ftc.lock"
    try:
        wanted: Mapping[str, str] = json.loads(path.read_text("utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FtcError(f"{path}: cannot be read", hint=REBUILD) from error
    found = folders.hashes(build)
    return [name for name, digest in wanted.items() if found.get(name) != digest]


def _sources(built: Built) -> Sources:
    return {
        "train": [f"{it.file}:{it.line}" for it in built.examples["train"]],
        "eval": [f"{it.file}:{it.line}" for it in built.examples["eval"]],
    }


def _pinned(builds: Sequence[Path], told: Sequence[Told | None], level: Level) -> list[Pinned]:
    return [
        Pinned(it.backend, key, reason)
        for build, it in zip(builds, told, strict=False)
        if it is not None
        for key, reason in pinned.changes(build, it.backend, level)
    ]


def _write(build: Path, found: Verified, templates: Path | None) -> None:
    try:
        text = json.dumps(found.as_dict(), indent=2, ensure_ascii=False)
        (build / JSON).write_text(text + "\n", "utf-8")
        (build / PAGE).write_text(page(found.report, templates), "utf-8")
    except OSError as error:
        raise FtcError(
            f"{build}: cannot be written: {error.strerror}", hint="choose another --out"
        ) from error
