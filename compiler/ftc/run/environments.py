"""The isolated environments of the real tools: makes them, finds them, lists them."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ftc.backends import versions
from ftc.backends.versions import PLUGIN, Device, Version
from ftc.errors import FtcError
from ftc.progress import Progress, quiet
from ftc.run import installer, interpreters, layout, lockfiles
from ftc.run.doctor import doctor
from ftc.run.layout import Environment, locate, variables

__all__ = [
    "Entry",
    "Environment",
    "doctor",
    "install",
    "leftovers",
    "listing",
    "locate",
    "made",
    "require",
    "spec",
    "variables",
]


@dataclass(frozen=True)
class Entry:
    """One line of `ftc backend list`: an environment that is there, or could be.

    `size` in bytes, `python` the version that runs in it (`3.12.1`); both empty when not installed.
    """

    backend: str
    version: str
    device: Device
    default: bool
    requires: str
    fault: str
    environment: Environment | None
    size: int = 0
    python: str = ""


def spec(text: str) -> tuple[str, str]:
    """`axolotl` or `axolotl@0.19.0` -> backend and version, the preferred version by default."""
    line = versions.parse(text)
    return line.backend, line.version


def require(backend: str, version: str = "", device: Device | None = None) -> Environment:
    """A finished environment, else FtcError with the command that makes one."""
    found = locate(backend, version, device)
    if found is not None:
        return found
    line = versions.find(backend, version)
    name = backend if line.default else line.name
    flag = "" if device == "gpu" else " --cpu"
    raise FtcError(
        f"{line.name} has no environment{f' for {device}' if device else ''}",
        hint=f"ftc backend install {name}{flag}",
    )


def listing() -> list[Entry]:
    """Every supported version and device, installed or not, in the table's order."""
    return [_entry(line, device) for line in versions.VERSIONS for device in line.locks]


def leftovers() -> list[Path]:
    """Folders of environments that no lock file of this ftc makes any more; nothing uses them."""
    used = {layout.folder(line, device) for line in versions.VERSIONS for device in line.locks}
    return [
        path
        for backend in versions.BACKENDS
        for path in sorted(layout.root().glob(f"{backend}-*"))
        if path.is_dir() and path not in used
    ]


def _entry(line: Version, device: Device) -> Entry:
    found = locate(line.backend, line.version, device)
    said = (layout.marker(found.path) or {}) if found else {}
    return Entry(
        line.backend,
        line.version,
        device,
        line.default,
        line.python,
        line.fault,
        found,
        int(said.get("bytes", 0)),
        str(said.get("python", "")),
    )


def install(
    backend: str,
    version: str = "",
    device: Device = "cpu",
    progress: Progress = quiet,
    force: bool = False,
) -> Environment:
    """Makes the environment, or finds it made; `force` makes it anew.

    `progress` gets a label, how much is done, and of how much. FtcError: exit code 2 when this
    machine cannot hold it (platform, Python, room), 4 when venv or pip fails. An install that is
    cut short leaves no folder, or one without a marker, which the next install removes.
    """
    return made(versions.find(backend, version), device, progress, force)


def made(line: Version, device: Device, progress: Progress, force: bool = False) -> Environment:
    """`install` for a line of the versions table, or for one that is not in it."""
    target = layout.environment(line, device)
    with _only_one(target.path, progress):
        if force or layout.marker(target.path) is None:
            _make(line, target, progress)
        elif line.plugin:
            _copy_plugin(target)
    return target


def _make(line: Version, target: Environment, progress: Progress) -> None:
    _check_machine(line, target)
    python = interpreters.find(line.interpreters)
    log = target.path.with_name(f"{target.path.name}.log")
    log.unlink(missing_ok=True)
    start = time.monotonic()
    shutil.rmtree(target.path, ignore_errors=True)
    try:
        progress("virtual environment", 0, 1)
        installer.make(python.path, target.path, log)
        _fill(line, target, progress, log)
        _finish(line, target, python, time.monotonic() - start)
    finally:
        if layout.marker(target.path) is None:
            shutil.rmtree(target.path, ignore_errors=True)


def _check_machine(line: Version, target: Environment) -> None:
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise FtcError(
            f"the lock files hold pins for Linux x86-64, not {platform.system()} "
            f"{platform.machine()}",
            hint="use a Linux x86-64 machine, WSL2 or a container; checks and builds run anywhere",
        )
    needed = lockfiles.lock(line, target.device).gigabytes
    free = shutil.disk_usage(layout.root()).free / 1e9
    if free < needed:
        raise FtcError(
            f"{target.name} needs {needed:g} GB below {layout.root()}, {free:.1f} GB are free",
            hint="make room, or set FTC_CACHE to a folder on another disk",
        )


def _fill(line: Version, target: Environment, progress: Progress, log: Path) -> None:
    lock = lockfiles.lock(line, target.device)
    for file in [lock.pins, lock.cuda]:
        if file == lock.cuda and not _needs_cuda(target):
            break
        total = len(lockfiles.pins(file))
        installer.install(target.path, lockfiles.path(file), total, progress, log)
    for stub in line.stubs:
        package = layout.site_packages(target) / stub
        package.mkdir(exist_ok=True)
        (package / "__init__.py").touch()
    if line.plugin:
        _copy_plugin(target)


def _needs_cuda(target: Environment) -> bool:
    """Whether the torch that pip chose names NVIDIA packages: a CPU build names none."""
    code = "import importlib.metadata as m; print('nvidia-' in str(m.requires('torch')))"
    command = [str(target.python), "-I", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.strip() == "True"


def _copy_plugin(target: Environment) -> None:
    shutil.copyfile(PLUGIN, layout.site_packages(target) / PLUGIN.name)


def _finish(
    line: Version, target: Environment, python: interpreters.Interpreter, seconds: float
) -> None:
    """Writes the marker, the last thing that makes a folder an environment."""
    lock = lockfiles.lock(line, target.device)
    names = [file for file in (lock.pins, lock.cuda) if file]
    content = {
        "backend": line.backend,
        "version": line.version,
        "device": target.device,
        "python": python.version,
        "interpreter": str(python.path),
        "lock": lockfiles.digest(line, target.device),
        "seconds": round(seconds, 1),
        "bytes": _size(target.path),
        "pins": {name: pin for file in names for name, pin in sorted(lockfiles.pins(file).items())},
    }
    beside = target.path / f"{layout.MARKER}.new"
    beside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    beside.replace(target.path / layout.MARKER)


def _size(folder: Path) -> int:
    return sum(
        os.lstat(os.path.join(base, file)).st_size  # noqa: PTH118 - 60,000 files; Path is too slow
        for base, _, files in os.walk(folder)
        for file in files
    )


@contextmanager
def _only_one(folder: Path, progress: Progress) -> Iterator[None]:
    """Keeps a second `ftc backend install` of the same environment waiting.

    pip inherits the lock, so that one whose ftc was killed is waited for, too.
    """
    import fcntl  # noqa: PLC0415 - not there on Windows, where listing must still work

    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as held:
        os.set_inheritable(held.fileno(), True)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another install of it", 0, 1)
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
