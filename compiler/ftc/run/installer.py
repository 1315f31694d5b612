"""Runs venv and pip for one environment, with a log and with progress; knows no backend."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from ftc.errors import FtcError
from ftc.progress import Progress

# A file beside the index is "Processing", with its path; the rest is "Collecting".
_FOUND = re.compile(
    r"(?:Collecting |Processing (?:[^\s]*/)?)([A-Za-z0-9._]+(?:-[A-Za-z_][A-Za-z0-9._]*)*)"
)
_PAUSE_SECONDS = 0.3
# Lines of pip that are no reason for anything.
_NOISE = ("is ignored: it is neither a file nor a directory", "A new release of pip", "[notice]")


def make(python: Path, folder: Path, log: Path) -> None:
    """An empty virtual environment at `folder`, with pip; FtcError (4) when venv fails."""
    _run([str(python), "-m", "venv", str(folder)], log, lambda lines: None)


def install(folder: Path, lock: Path, total: int, progress: Progress, log: Path) -> None:
    """Installs every pin of `lock`, no dependency of it; FtcError (4) with pip's reason.

    Progress counts each pin twice: when pip has found it and when it is in place.
    """
    before = _installed(folder)
    collected: list[str] = []

    def watch(lines: list[str]) -> None:
        collected.extend(match.group(1) for line in lines if (match := _FOUND.match(line)))
        placed = max(0, _installed(folder) - before)
        label = collected[-1] if collected and not placed else "unpacking" if placed else "pip"
        progress(label, min(len(collected) + placed, 2 * total), 2 * total)

    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--no-deps", "--no-input"]
    command += ["--progress-bar", "off", "--disable-pip-version-check", "-r", str(lock)]
    _run(command, log, watch)


def _installed(folder: Path) -> int:
    return sum(1 for _ in folder.glob("lib/python3.*/site-packages/*.dist-info"))


def _run(command: list[str], log: Path, watch: Callable[[list[str]], None]) -> None:
    """Runs a command to its end, its output in `log`, and gives `watch` the new lines meanwhile.

    Whatever ends this early, Ctrl-C too, takes the command down with it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("a", encoding="utf-8") as out,
        log.open(encoding="utf-8", errors="replace") as new,
    ):
        print("$", *command, file=out, flush=True)
        new.seek(0, os.SEEK_END)
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=_clean(),
            close_fds=False,  # what the caller made inheritable: its lock
        )
        try:
            while process.poll() is None:
                watch(new.readlines())
                time.sleep(_PAUSE_SECONDS)
        finally:
            process.terminate()
            process.wait()
        watch(new.readlines())
    if process.returncode != 0:
        raise FtcError(
            f"{' '.join(command[2:4])} failed with exit code {process.returncode}: {_reason(log)}",
            hint=f"the whole output: {log}",
            exit_code=4,
        )


def _clean() -> dict[str, str]:
    """The caller's variables without what would lead pip into another Python's packages."""
    dropped = (
        "PYTHONPATH",
        "PYTHONHOME",
        "PIP_TARGET",
        "PIP_PREFIX",
        "PIP_USER",
        "PIP_REQUIRE_VIRTUALENV",
    )
    result = {key: value for key, value in os.environ.items() if key not in dropped}
    return result | {"DS_BUILD_OPS": "0", "PYTHONUNBUFFERED": "1"}


def _reason(log: Path) -> str:
    lines = [
        line.strip()
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.strip() and not any(noise in line for noise in _NOISE)
    ]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return " | ".join((errors or lines)[-4:])
