"""Why a backend failed: known errors, in the recipe's own words, and the last lines of its log."""

from __future__ import annotations

import math
import re
import signal
from pathlib import Path

from ftc.errors import FtcError
from ftc.run.known import KNOWN, NO_MEMORY, NOT_A_NUMBER, Known
from ftc.run.progress import LOG, Summary
from ftc.run.record import Record
from ftc.run.results import OUTPUT, Result, newest

LINES = 15
_READ_BYTES = 400_000
_SEARCHED_LINES = 200


def text(log: Path, offset: int = 0) -> str:
    """The end of the log, at most 400 kB, not reaching back before byte `offset`."""
    with log.open("rb") as file:
        file.seek(max(offset, log.stat().st_size - _READ_BYTES))
        return _ESCAPES.sub("", file.read().decode("utf-8", "replace"))


def fault(status: int, result: Result, seen: Summary) -> str:
    """What is wrong with a run that has ended, as one line; "" when nothing is.

    The exit status alone proves little: Axolotl ends with 0 on a signal.
    """
    if status < 0:
        return f"was killed by {signal.strsignal(-status) or 'a signal'} (signal {-status})"
    if status:
        return f"ended with exit status {status}"
    if not result.kind:
        return "ended without a word of error, but left no adapter and no model"
    steps, total = max(result.steps, seen.steps), result.max_steps or seen.max_steps
    if not 0 < total <= steps:
        return f"ended at step {steps} of {total or 'an unknown number'}"
    if result.broken_at:
        return f"came to its end, but from step {result.broken_at} on its loss was not a number"
    if seen.last_loss is not None and not math.isfinite(seen.last_loss):
        return "came to its end, but the loss is not a number"
    return ""


def failed(what: str, status: int, log: Path, *, offset: int = 0, otherwise: str = "") -> FtcError:
    """The error of a script that ended with `status`: its last lines, its log, and the remedy.

    `otherwise` is what to try where the error is not known.
    """
    written = text(log, offset)
    known = diagnose(written, status)
    lines = "".join(f"\n  {line}" for line in last_lines(written))
    return FtcError(
        f"{what}, exit status {status}{lines}\n  whole log: {log}",
        hint=known.remedy if known else otherwise,
        exit_code=4,
    )


def diagnose(log: str, status: int, broken: bool = False) -> Known | None:
    """The known error nearest to the end of the log; None for one that is not known."""
    if status == 0 and broken:
        return NOT_A_NUMBER
    lines = re.split(r"[\r\n]+", log)[-_SEARCHED_LINES:]
    for line in reversed(lines):
        for known in KNOWN:
            if known.pattern and re.search(known.pattern, line):
                return known
    if status in (-signal.SIGKILL, 128 + signal.SIGKILL):
        return NO_MEMORY
    return NOT_A_NUMBER if broken else None


def last_lines(log: str, count: int = LINES) -> list[str]:
    """The last lines that say something: no bars, banners, rulers, nor frames of a traceback."""
    lines = [line.rstrip() for line in re.split(r"[\r\n]+", log)]
    return [line for line in lines if line and not _NOISE.search(line)][-count:]


def error(record: Record, fault: str, known: Known | None, log: str) -> FtcError:
    """The error to raise: what failed, the last lines, where the log is, and what to change."""
    early = 0 < record.steps < record.max_steps and "at step" not in fault
    step = f" at step {record.steps} of {record.max_steps}" if early else ""
    said = f": {known.what}" if known else ""
    lines = "".join(f"\n  {line}" for line in last_lines(log))
    message = f"{record.backend} {record.version} {fault}{step}{said}{lines}"
    hint = known.remedy if known else "ftc does not know this error: the log says more"
    last, _ = newest(record.folder / OUTPUT)
    if known and known.passes and last:
        hint += f"; then --resume goes on from {last.name}"
    return FtcError(f"{message}\n  whole log: {record.folder / LOG}", hint=hint, exit_code=4)


_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_NOISE = re.compile(
    r"\d+%\|"  # a progress bar
    r"|^[\s=\-_*#~^|.@]+$"
    r"|[⠀-⣿█▀▄]"  # Axolotl's banner
    r"|real_accelerator\.py|UserWarning|FutureWarning|DeprecationWarning"
    r"|^\s*warnings\.warn\("
    r"|^ +File \".*\", line \d+"  # where in the backend: the log has it
    r"|^ {4,}\S"
    r"|^Traceback \(most recent call last\)|^The above exception was the direct cause"
)
