"""Progress on standard error: a bar for training, steps for long set-up work, a status line.

rich is imported when something is shown on a terminal, not before; elsewhere plain lines appear.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ftc.run.progress import Event

LATE = 0.7  # seconds before work that is mostly quick shows a bar
QUIET = 10.0  # seconds between plain lines where there is no terminal


class Steps:
    """Shows `label done/total` for work that reports itself in steps."""

    def __init__(self, title: str, *, late: bool = False) -> None:
        self.title = title
        self.wait = LATE if late else 0.0
        self.start = time.monotonic()
        self.said = ""
        self.at = self.start
        self.live: Any = None

    def __enter__(self) -> Steps:
        return self

    def __exit__(self, *_: object) -> None:
        if self.live is not None:
            self.live.stop()

    def show(self, label: str, done: int, total: int) -> None:
        """Called by the work; cheap when nothing is to be shown yet. A `total` of 0: unknown."""
        now = time.monotonic()
        if now - self.start < self.wait:
            return
        if not sys.stderr.isatty():
            if label != self.said and (not self.wait or now - self.at > QUIET):
                self.said, self.at = label, now
                count = f" {done}/{total}" if total else ""
                print(f"{self.title}: {label}{count}", file=sys.stderr)
            return
        total = max(total, 1)
        if self.live is None:
            self.live = _progress("{task.description}", "bar", "{task.completed}/{task.total}")
            self.live.start()
            self.task = self.live.add_task(self.title, total=total)
        self.live.update(
            self.task, description=f"{self.title}: {label}", completed=done, total=total
        )


class Bar:
    """The bar of a training run, fed by events."""

    def __init__(self, title: str, *, shown: bool) -> None:
        self.title = title
        self.shown = shown
        self.live: Any = None
        self.at = 0.0

    def __enter__(self) -> Bar:
        if self.shown and sys.stderr.isatty():
            self.live = _progress("{task.description}", "bar", "{task.fields[state]}")
            self.live.start()
            self.task = self.live.add_task("starting", total=None, state="")
        return self

    def __exit__(self, *_: object) -> None:
        if self.live is not None:
            self.live.stop()

    def show(self, event: Event) -> None:
        """One event of the run."""
        if not self.shown:
            return
        if self.live is None:
            self._line(event)
        elif event.kind == "step":
            self.live.update(
                self.task,
                description="training",
                completed=event.step,
                total=event.total_steps or None,
                state=_state(event),
            )
        elif event.kind == "stage":
            self.live.update(self.task, description=event.text)
        else:
            self.live.console.print(_told(event), highlight=False, markup=False)

    def _line(self, event: Event) -> None:
        last = event.kind == "step" and event.step == event.total_steps
        now = time.monotonic()
        if event.kind == "step" and not last and now - self.at < QUIET:
            return
        self.at = now
        print(_told(event), file=sys.stderr, flush=True)


@contextmanager
def status(text: str, *, shown: bool) -> Iterator[Callable[[str], None]]:
    """A spinner with a changing text; plain lines where there is no terminal."""
    if not shown:
        yield lambda _: None
    elif sys.stderr.isatty():
        live = _progress("{task.description}")
        with live:
            task = live.add_task(text, total=None)
            yield lambda said: live.update(task, description=said)
    else:
        print(text, file=sys.stderr, flush=True)
        yield lambda said: None if said == text else print(said, file=sys.stderr, flush=True)


def _told(event: Event) -> str:
    if event.kind == "step":
        return f"step {event.step}/{event.total_steps}  {_state(event)}"
    if event.kind == "eval":
        return f"step {event.step}: evaluation loss {event.eval_loss:.4f}"
    return event.text


def _state(event: Event) -> str:
    parts = [] if event.loss is None else [f"loss {event.loss:.4f}"]
    if event.learning_rate is not None:
        parts.append(f"rate {event.learning_rate:.2e}")
    if event.seconds_left is not None:
        parts.append(f"{_clock(event.seconds_left)} left")
    return "  ".join(parts)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _progress(*columns: str) -> Any:
    from rich.console import Console  # noqa: PLC0415 - rich costs start-up time
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn  # noqa: PLC0415

    shown = [BarColumn() if column == "bar" else TextColumn(column) for column in columns]
    return Progress(SpinnerColumn(), *shown, console=Console(stderr=True), transient=True)
