"""Run folders: a fresh one a run, the right one to resume, a copy of the build in it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ftc.errors import FtcError
from ftc.run import process, record, results
from ftc.run.record import Record

_ROWS = ".jsonl"  # large, and no backend writes to it: hard-linked, not copied


def hashes(build: Path, names: Iterable[str] = ()) -> dict[str, str]:
    """SHA-256 of every file below `build`, or of those called `names`, by its relative name."""
    found = {}
    chosen = [build / name for name in names] or build.rglob("*")
    for path in sorted(path for path in chosen if path.is_file()):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        found[path.relative_to(build).as_posix()] = digest
    return found


def fresh(runs: Path, name: str) -> Path:
    """A new, empty folder: `name`, or `name-2`, `name-3` ...; never one that exists."""
    number = 1
    while True:
        folder = (runs / (name if number == 1 else f"{name}-{number}")).absolute()
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise FtcError(
                f"{folder}: cannot be made: {error.strerror}", hint="choose another place for runs"
            ) from error
        else:
            return folder


def resumable(runs: Path, name: str, tool: tuple[str, str], now: Mapping[str, str]) -> Path:
    """The folder of the newest run of the build `name`, to go on in.

    `tool` is backend and version, `now` the build's hashes. Raises FtcError when there is no run,
    or the newest one is finished, still going on, or was started from something else.
    """
    own = re.compile(rf"{re.escape(name)}(-\d+)?")
    every = record.listing(runs)
    mine = [old for old in every if own.fullmatch(old.folder.name)]
    if not mine:
        stem = name.rpartition("-")[0] + "-"
        others = [old.folder.name for old in every if old.folder.name.startswith(stem)]
        why = f"{others[-1]} is of another recipe, data or version; " if others else ""
        raise FtcError(
            f"{runs}: holds no run of {name} to resume", hint=f"{why}leave --resume out to start"
        )
    old = mine[-1]
    _check_state(old)
    if (old.backend, old.version) != tool:
        raise FtcError(
            f"{old.folder}: was started with {old.backend} {old.version}, not {' '.join(tool)}",
            hint="resume it with the same version, or leave --resume out",
        )
    names = sorted(old.hashes.keys() | now.keys())
    changed = [file for file in names if old.hashes.get(file) != now.get(file)]
    if changed:
        raise FtcError(
            f"{name}: has changed since {old.folder.name} was started: {', '.join(changed)}",
            hint="build again, or leave --resume out to start anew",
        )
    return old.folder.absolute()


def _check_state(old: Record) -> None:
    if old.state == "finished":
        raise FtcError(
            f"{old.folder}: this run is finished, its {old.kind} is in {old.result}",
            hint="leave --resume out to train once more, in a folder of its own",
        )
    living = [one.pid for one in (old.tool, old.ftc) if process.alive(one)]
    if old.state == "running" and living:
        raise FtcError(
            f"{old.folder}: this run is still going on (process {living[0]})",
            hint=f"wait for it, or end it with: kill -INT -- -{living[0]}",
        )


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Holds a lock on the run folder, so that two ftc cannot work in it at once."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FtcError(
                f"{folder}: another ftc works in this run folder", hint="wait until it is done"
            ) from error
        except OSError:  # a network file system without locks: the record still guards
            pass
        yield
    finally:
        os.close(handle)


def fill(folder: Path, build: Path, names: Iterable[str]) -> None:
    """Copies the build's files into the run folder. Raises OSError."""
    for name in names:
        source, target = build / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == _ROWS:
            try:
                target.hardlink_to(source)
            except OSError:  # another file system, or one without hard links
                shutil.copy2(source, target)
        else:
            shutil.copy2(source, target)


def set_aside(folder: Path, attempt: int) -> tuple[Path | None, list[str]]:
    """Readies the output folder for a further attempt; nothing in it is deleted.

    The checkpoint to go on from (None: there is no whole one) and the names of half-written ones,
    which get another name. Without a checkpoint the whole output folder does.
    """
    output = folder / results.OUTPUT
    last, halves = results.newest(output)
    for half in halves:
        half.rename(_free(output / f"incomplete-{half.name}"))
    if last is None and output.is_dir():
        output.rename(_free(folder / f"{results.OUTPUT}-attempt-{attempt}"))
    return last, [half.name for half in halves]


def _free(wanted: Path) -> Path:
    path, number = wanted, 2
    while path.exists():
        path = wanted.with_name(f"{wanted.name}-{number}")
        number += 1
    return path
