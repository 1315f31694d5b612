"""Looks at the memory of a running backend from outside; what it says of itself is in peak.py."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from ftc.run import process
from ftc.run.driver import Driver
from ftc.run.peak import GIB, Peak

SECONDS = 1.0  # between two looks
_PROC = Path("/proc")


class Meter:
    """The highest memory of all processes of a run folder, looked at once a second."""

    def __init__(
        self,
        pid: int,
        folder: Path,
        driver: Driver | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.pid, self.folder, self.driver, self.clock = pid, folder, driver, clock
        self.next = clock()
        self.resident = 0
        self.tree = 0

    def look(self) -> None:
        """A sample, when it is time for one."""
        if self.clock() < self.next:
            return
        members = process.members(self.pid, self.folder)
        sizes = [_memory(pid) for pid in members]
        self.resident = max([self.resident, *(size for _, size in sizes)])
        self.tree = max(self.tree, sum(size for size, _ in sizes))
        if self.driver is not None:
            self.driver.look(members)
        self.next = self.clock() + SECONDS

    def seen(self) -> Peak:
        """The highest so far; the last call, since it ends the asking."""
        if self.driver is not None:
            self.driver.end()
        return Peak(
            driver=self.driver.highest if self.driver is not None else None,
            resident=round(self.resident / GIB, 4) or None,
            tree=round(self.tree / GIB, 4) or None,
        )


def _memory(pid: int) -> tuple[int, int]:
    """Resident bytes of a process, now and at its highest; zeros when it has ended."""
    try:
        lines = (_PROC / str(pid) / "status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0, 0
    return _line(lines, "VmRSS:"), _line(lines, "VmHWM:")


def _line(lines: Iterable[str], name: str) -> int:
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), 0)
