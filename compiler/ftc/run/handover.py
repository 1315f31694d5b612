"""Hands a build folder to its backend: a run folder of its own, a watched process, a record."""

from __future__ import annotations

import math
import platform
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ftc
from ftc.errors import FtcError
from ftc.run import (
    environments,
    failures,
    folders,
    launch,
    peak,
    process,
    progress,
    record,
    results,
)
from ftc.run.driver import Driver
from ftc.run.environments import Environment
from ftc.run.meter import Meter
from ftc.run.progress import Event
from ftc.run.record import Process, Record

OnEvent = Callable[[Event], None]
_ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a run, raised when the backend has ended; `hint` says how to resume."""

    def __init__(self, record: Record, hint: str) -> None:
        super().__init__(hint)
        self.record = record
        self.hint = hint


@dataclass(frozen=True)
class _Job:
    """What is handed over, all of it known before a folder is made."""

    build: Path
    backend: str
    version: str
    plan: Mapping[str, Any]  # values of any JSON type
    hashes: Mapping[str, str]
    environment: Environment
    variables: Mapping[str, str]


def run(
    build: Path,
    backend: str,
    version: str,
    *,
    runs: Path,
    resume: bool,
    offline: bool,
    on_event: OnEvent,
    environment: Environment | None = None,
) -> Record:
    """Trains a build folder to its end and returns the finished record.

    A new run gets a folder of its own below `runs`; with `resume` the newest run of this very
    build goes on in its folder. Raises FtcError (exit code 2) when it cannot start, FtcError (exit
    code 4) when the backend fails, Interrupted on Ctrl-C after all that was started has ended.
    """
    settle(runs)
    job = _job(build, backend, version, offline, environment)
    if resume:
        tool = (backend, job.version)
        folder = folders.resumable(runs, build.absolute().name, tool, job.hashes)
    else:
        folder = folders.fresh(runs, build.absolute().name)
    with folders.claimed(folder), process.terminations():
        ready = _resumed(folder, job, on_event) if resume else _begun(folder, job)
        return _attempt(ready, job, on_event)


def settle(runs: Path) -> list[Record]:
    """Marks the runs whose ftc and backend are both gone, and returns them.

    `lost` when they stopped somewhere; `finished` when the backend came to its end alone.
    """
    settled = []
    for old in record.listing(runs):
        if old.state != "running" or process.alive(old.ftc) or process.alive(old.tool):
            continue
        whole = results.inspect(old.folder / results.OUTPUT).complete
        reason = "" if whole else "ftc was killed, or the machine went down"
        ended = replace(old, state="finished" if whole else "lost", reason=reason)
        settled.append(record.write(_told(ended)))
    return settled


def _job(
    build: Path, backend: str, version: str, offline: bool, environment: Environment | None
) -> _Job:
    wanted = launch.config_of(backend)
    if not (build / wanted).is_file():
        raise FtcError(
            f"{build}: is not a build folder for {backend}, it has no {wanted}",
            hint=f"ftc build RECIPE --backend {backend}",
        )
    plan = launch.settings(build)
    environment = environment or launch.environment(backend, version, plan)
    own = environments.variables(environment, offline)
    variables = launch.variables(backend, plan, own)
    found = folders.hashes(build)
    return _Job(build, backend, environment.version, plan, found, environment, variables)


def _begun(folder: Path, job: _Job) -> Record:
    """The record of a new run, on disk before anything else, and a copy of the build beside it."""
    begun = Record(
        folder=folder,
        state="running",
        backend=job.backend,
        version=job.version,
        build=str(job.build.absolute()),
        hashes=job.hashes,
        versions={
            "ftc": ftc.__version__,
            "python": platform.python_version(),
            "environment": job.environment.path.name,
        },
        ftc=process.current(),
        started=_now(),
        max_steps=int(job.plan["max_steps"]),
    )
    return _filled(record.write(begun), job)


def _filled(now: Record, job: _Job) -> Record:
    """The same record, once every file of the build lies in the run folder."""
    missing = [name for name in job.hashes if not (now.folder / name).exists()]
    try:
        folders.fill(now.folder, job.build, missing)
    except OSError as error:
        record.write(replace(now, state="failed", ended=_now(), reason=str(error)))
        raise FtcError(
            f"{error.filename or now.folder}: cannot be copied into the run folder: "
            f"{error.strerror}",
            hint="make room, or choose another place for runs",
        ) from error
    return now


def _resumed(folder: Path, job: _Job, on_event: OnEvent) -> Record:
    """The old record, running again, with the checkpoint to go on from as its parent."""
    old = record.read(folder)
    last, halves = folders.set_aside(folder, old.attempts)
    for name in halves:
        on_event(Event("note", text=f"{name} was only half written: it is left out"))
    text = f"going on from {last.name}" if last else "no checkpoint was saved: starting at step 0"
    on_event(Event("note", results.step_of(last) if last else 0, old.max_steps, text=text))
    parent = f"{results.OUTPUT}/{last.name}" if last else ""
    again = replace(old, state="running", ended="", reason="", parent=parent)
    again = replace(again, ftc=process.current(), tool=Process(0, ""))
    return _filled(record.write(again), job)


def _attempt(ready: Record, job: _Job, on_event: OnEvent) -> Record:
    """One start of the backend, watched to its end; the record is closed however it ends."""
    folder, log = ready.folder, ready.folder / progress.LOG
    config = launch.write_config(folder, job.backend, ready.parent)
    launch.write_measure(folder, job.backend)
    command = launch.command(job.backend, job.environment.python, config, job.plan)
    going = record.write(replace(ready, command=command, attempts=ready.attempts + 1))
    with log.open("a", encoding="utf-8") as file:
        file.write(f"=== ftc: attempt {going.attempts}, {_now()}: {' '.join(command)}\n")
    offset = log.stat().st_size
    watcher = progress.Watcher(folder, job.backend, going.max_steps)

    def tick() -> None:
        for event in watcher.poll():
            on_event(event)

    start = time.monotonic()
    on_event(Event("stage", total_steps=going.max_steps, text=f"starting {job.backend}"))
    try:
        status = _watched(going, job, tick)
    except BaseException as error:
        seconds = time.monotonic() - start
        if not isinstance(error, KeyboardInterrupt):
            _closed(replace(record.read(folder), state="failed", reason=repr(error)), seconds)
            raise
        now = replace(record.read(folder), state="interrupted", reason="interrupted")
        ended = _closed(now, seconds)
        raise Interrupted(ended, _resume_hint(ended)) from error
    return _judged(record.read(folder), status, offset, time.monotonic() - start)


def _watched(going: Record, job: _Job, tick: Callable[[], None]) -> int:
    """Starts the backend and waits for its exit status; nothing of it lives on after this.

    The record on disk gets the peak of memory that was seen meanwhile.
    """
    driver = Driver(job.variables) if job.plan["device"] == "gpu" else None
    if driver is not None:
        driver.begin()
    child = process.start(going.command, going.folder, job.variables, going.folder / progress.LOG)
    meter = Meter(child.pid, going.folder, driver)

    def look() -> None:
        tick()
        meter.look()

    started = replace(going, tool=Process(child.pid, process.born(child.pid)))
    try:
        record.write(started)
        return process.watch(child, look)
    except BaseException:
        process.stop(child, going.folder)
        raise
    finally:
        process.sweep(child.pid, going.folder)
        record.write(replace(started, peak=peak.merged(going.peak, meter.seen())))


def _judged(going: Record, status: int, offset: int, seconds: float) -> Record:
    """The finished record, or an FtcError that says what went wrong and what to change.

    `offset` is where this attempt's part of the log begins.
    """
    text = failures.text(going.folder / progress.LOG, offset)
    seen = progress.summary(going.folder, going.backend)
    left = results.inspect(going.folder / results.OUTPUT)
    fault = failures.fault(status, left, seen)
    if not fault:
        return _closed(replace(going, state="finished"), seconds)
    lost = seen.last_loss is not None and not math.isfinite(seen.last_loss)
    known = failures.diagnose(text, status, broken=lost or left.broken_at > 0)
    reason = known.what if known else fault
    failed = _closed(replace(going, state="failed", reason=reason), seconds)
    raise failures.error(failed, fault, known, text)


def _closed(now: Record, seconds: float) -> Record:
    _plain(now.folder / progress.LOG)
    passed = round(now.seconds + seconds, 3)
    return record.write(_told(replace(now, ended=_now(), seconds=passed)))


def _told(now: Record) -> Record:
    """The record with what the metrics and the output folder say."""
    seen = progress.summary(now.folder, now.backend)
    left = results.inspect(now.folder / results.OUTPUT)
    whole = now.state == "finished"
    return replace(
        now,
        steps=max(seen.steps, left.steps),
        max_steps=left.max_steps or seen.max_steps or now.max_steps,
        first_loss=seen.first_loss,
        last_loss=seen.last_loss,
        eval_loss=seen.eval_loss,
        peak=peak.merged(now.peak, peak.told(now.folder)),
        output=results.OUTPUT if whole else "",
        kind=left.kind if whole else "",
    )


def _resume_hint(stopped: Record) -> str:
    last, _ = results.newest(stopped.folder / results.OUTPUT)
    if last is None:
        return "no checkpoint was saved yet: the same command with --resume starts at step 0"
    return f"the same command with --resume goes on from {last.name} of {stopped.max_steps} steps"


def _plain(log: Path) -> None:
    """Takes terminal colours out of the log, once nobody writes to it any more."""
    before = log.read_bytes()
    after = _ESCAPES.sub(b"", before)
    if after != before:
        log.write_bytes(after)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
