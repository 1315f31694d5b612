"""Runs the tasks of a step: in this process when there is one, else through Daft, on the cores of
this machine or on a Ray cluster that sees the same files.

A task names files and gives a JSON text back, so that rows never pass through the engine; what it
writes appears whole, so that a task that was cut off is simply done again.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import Any, Literal

from ftc import resources
from ftc.errors import FtcError

Engine = Literal["local", "ray"]
Work = Callable[[str], str]
WORTH = 4  # tasks for which a process is worth its start: a second or two (measured)
QUIET = {  # both libraries report their use to their makers unless they are told not to
    "DAFT_ANALYTICS_ENABLED": "0",
    "DO_NOT_TRACK": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
    "DAFT_PROGRESS_BAR": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


def run(
    tasks: Sequence[str], work: Work, engine: Engine, cores: int | None = None
) -> Iterator[str]:
    """What `work` gives for each task, as they come in, in no fixed order.

    `cores` are the processes on this machine; by default as many as it may use, and as are worth
    starting. On Ray as many as the cluster has cores.
    """
    wanted = min(len(tasks), cores or min(resources.processors(), len(tasks) // WORTH))
    if not tasks or (engine == "local" and wanted < 2):
        yield from map(work, tasks)
        return
    yield from _daft(tasks, work, engine, wanted)


def _daft(tasks: Sequence[str], work: Work, engine: Engine, processes: int) -> Iterator[str]:
    with _interrupts(raised=False) as pressed:
        load(engine)
    if pressed:
        raise KeyboardInterrupt
    with _interrupts() as pressed:
        for done in _query(tasks, work, engine, processes, pressed):
            if pressed:
                raise KeyboardInterrupt
            yield done
        if pressed:
            raise KeyboardInterrupt


def _query(
    tasks: Sequence[str], work: Work, engine: Engine, processes: int, pressed: list[int]
) -> Iterator[str]:
    daft = load(engine)
    if engine == "ray":
        import ray  # noqa: PLC0415 - an extra, loaded above

        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        processes = min(len(tasks), max(1, int(resources.get("CPU", 1))))

    @daft.cls(max_concurrency=processes, use_process=True)
    class Worker:
        def __init__(self) -> None:
            if engine == "local":  # taking its modules down would be 0.2 CPU seconds (measured)
                atexit.register(os._exit, 0)

        @daft.method.batch(  # type: ignore[untyped-decorator]
            return_dtype=daft.DataType.string(), batch_size=1
        )
        def go(self, column: Any) -> list[str]:  # Any: a series of Daft
            return [work(task) for task in column.to_pylist()]

    frame = daft.from_pydict({"task": list(tasks)})
    if engine == "ray":
        frame = frame.into_partitions(len(tasks))
    query = frame.select(Worker().go(frame["task"]).alias("done"))
    if pressed:
        raise KeyboardInterrupt
    for row in query.iter_rows():
        yield row["done"]


@contextmanager
def _interrupts(*, raised: bool = True) -> Iterator[list[int]]:
    """Notes Ctrl-C: Daft swallows the exception where it calls Python, imports in the callbacks of
    their locks. Where it is not `raised` at once, a second one is."""
    pressed: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield pressed
        return

    def note(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        if raised or len(pressed) > 1:
            before(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


@cache
def _embedded() -> None:
    """Daft takes it once. When it is not told, it loads Ray to ask whether this is a job of Ray."""
    import daft  # noqa: PLC0415 - as in `load`

    daft.set_runner_native()


def load(engine: Engine) -> Any:
    """Daft, set to run on this machine or on Ray; FtcError when it is not installed."""
    os.environ.update(QUIET)
    try:
        import daft  # noqa: PLC0415 - after QUIET, and only where there is more than one task

        if engine == "local":
            _embedded()
        else:
            import ray  # noqa: PLC0415 - an extra

            if not ray.is_initialized():
                ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
            daft.set_runner_ray(noop_if_initialized=True)
    except ModuleNotFoundError as error:
        extra = "ray" if engine == "ray" else "prepare"
        raise FtcError(
            f"{error.name} is not installed", hint=f'pip install "ftc[prepare,{extra}]"'
        ) from error
    except ConnectionError as error:
        raise FtcError(
            f"Ray: no cluster at {os.environ.get('RAY_ADDRESS', 'this machine')}: {error}",
            hint="start one with: ray start --head, or unset RAY_ADDRESS",
        ) from error
    return daft
