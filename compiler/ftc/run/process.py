"""Starts a backend apart from the terminal, watches it, and ends it with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from ftc.errors import FtcError
from ftc.run.record import Process

MARK = "FTC_RUN"  # environment variable that every descendant inherits; names the run folder
POLL_SECONDS = 0.1
STRAGGLERS_SECONDS = 2.0
# Seconds that each signal gets before the next, harsher one. Axolotl saves the model on SIGINT.
GRACE: tuple[tuple[signal.Signals, float], ...] = (
    (signal.SIGINT, 30.0),
    (signal.SIGTERM, 10.0),
    (signal.SIGKILL, 5.0),
)
_PROC = Path("/proc")


def born(pid: int) -> str:
    """When process `pid` started, as an opaque text; "" when it is not alive (or a zombie)."""
    if _PROC.is_dir():
        try:
            fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] in "ZX" else fields[19]
    asked = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip()


def alive(process: Process) -> bool:
    """Whether this very process still lives, not a later one that got its number."""
    return process.pid > 0 and process.started != "" and born(process.pid) == process.started


def current() -> Process:
    """ftc's own process."""
    return Process(os.getpid(), born(os.getpid()))


def start(
    command: Sequence[str], folder: Path, variables: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """Starts `command` in `folder`, leader of its own session, both streams appended to `log`.

    The log is a file, not a pipe: it stays whole, and the backend lives on, when ftc is killed.
    """
    with log.open("ab") as stream, _sigint_heard():
        try:
            return subprocess.Popen(
                list(command),
                cwd=folder,
                env={**variables, MARK: str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise FtcError(
                f"{command[0]}: cannot be started: {error.strerror}",
                hint="ftc backend doctor says what is wrong with the environment",
                exit_code=4,
            ) from error


@contextmanager
def _sigint_heard() -> Iterator[None]:
    """A shell starts background jobs deaf to SIGINT, and a child would inherit that."""
    deaf = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    if deaf and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    else:
        yield


def watch(child: subprocess.Popen[bytes], tick: Callable[[], None]) -> int:
    """Calls `tick` until the child has ended, and once after; its exit status (-9: killed)."""
    while (status := child.poll()) is None:
        tick()
        time.sleep(POLL_SECONDS)
    tick()
    return status


def run(
    command: Sequence[str],
    folder: Path,
    variables: Mapping[str, str],
    log: Path,
    tick: Callable[[], None],
) -> int:
    """Starts and watches a command to its end; its exit status. An interrupt ends it all."""
    with terminations():
        child = start(command, folder, variables, log)
        try:
            return watch(child, tick)
        except BaseException:
            stop(child, folder)
            raise
        finally:
            sweep(child.pid, folder)


def stop(
    child: subprocess.Popen[bytes],
    folder: Path,
    grace: Sequence[tuple[signal.Signals, float]] = GRACE,
) -> None:
    """Ends the child and everything it started; a further Ctrl-C goes to the next signal at once.

    torchrun puts its workers in sessions of their own, so the group alone would miss them: the
    mark in their environment finds them, even after their parent is gone (Linux only).
    """
    for number, seconds in grace:
        _signal(child.pid, folder, number)
        try:
            if _gone(child, folder, seconds):
                return
        except KeyboardInterrupt:
            continue


def _gone(child: subprocess.Popen[bytes], folder: Path, seconds: float) -> bool:
    """Whether all of it ended in time; workers without their parent get no more than a moment."""
    end = time.monotonic() + seconds
    alone = False
    while (status := child.poll()) is None or members(child.pid, folder):
        if status is not None and not alone:
            alone, end = True, min(end, time.monotonic() + STRAGGLERS_SECONDS)
        if time.monotonic() > end:
            return False
        time.sleep(POLL_SECONDS)
    return True


def sweep(pid: int, folder: Path) -> None:
    """Ends what a finished backend left behind, such as data-loader or torchrun workers."""
    if members(pid, folder):
        _signal(pid, folder, signal.SIGKILL)


def members(pid: int, folder: Path) -> list[int]:
    """Living processes of the group that `pid` leads, and those that carry the run's mark."""
    if not _PROC.is_dir():
        return [pid] if _group_lives(pid) else []
    mark = f"{MARK}={folder}".encode()
    return [
        number
        for entry in _PROC.iterdir()
        if entry.name.isdigit()
        and (number := int(entry.name)) != os.getpid()
        and _belongs(entry, pid, mark)
    ]


def _belongs(entry: Path, group: int, mark: bytes) -> bool:
    try:
        fields = (entry / "stat").read_text().rpartition(")")[2].split()
        if fields[0] in "ZX":
            return False
        return int(fields[2]) == group or mark in (entry / "environ").read_bytes().split(b"\0")
    except OSError:  # ended meanwhile, or another user's
        return False


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS says so of a group of zombies
        return False
    return True


def _signal(group: int, folder: Path, number: signal.Signals) -> None:
    targets = [pid for pid in members(group, folder) if pid != group]
    _send(os.killpg, group, number)
    if number != signal.SIGINT:  # a launcher hands SIGINT on by itself; twice would cut its saving
        for pid in targets:
            _send(os.kill, pid, number)


def _send(send: Callable[[int, int], None], target: int, number: signal.Signals) -> None:
    try:
        send(target, number)
    except (ProcessLookupError, PermissionError):  # it has ended meanwhile
        return


@contextmanager
def terminations() -> Iterator[None]:
    """Within, SIGTERM and SIGHUP act like Ctrl-C: a closed terminal leaves no backend behind."""
    if threading.current_thread() is not threading.main_thread() or sys.platform == "win32":
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) or signal.SIG_DFL for number in _ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_ENDINGS = (signal.SIGTERM, signal.SIGHUP) if sys.platform != "win32" else ()
