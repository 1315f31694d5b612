"""One `[[augment.make]]`: its seeds in shards, some at a time, in the order of the seeds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import pyarrow as pa

from ftc.augment.counted import Counts
from ftc.augment.kind import Refused, Seed
from ftc.augment.question import Stopped
from ftc.augment.sieve import LEDGER
from ftc.prep.rows import Row

AHEAD = 8  # questions that wait for each one in flight; with 4 a slow answer holds others up


class Shard(NamedTuple):
    """What came of some seeds: new rows, and why nothing came of others."""

    seeds: int
    rows: list[Row]
    refused: list[Refused]
    told: pa.Table  # of `sieve.LEDGER`
    counts: Counts = Counts()  # of its questions
    stopped: Stopped | None = None  # a limit was reached before all of its seeds were asked about


def together(parts: Sequence[Shard], stopped: Stopped) -> Shard:
    """Several shards as one, the last before a limit was reached."""
    tables = [it.told for it in parts]
    return Shard(
        sum(it.seeds for it in parts),
        [row for it in parts for row in it.rows],
        [refused for it in parts for refused in it.refused],
        pa.concat_tables(tables) if tables else LEDGER.empty_table(),
        sum((it.counts for it in parts), Counts()),
        stopped,
    )


def threads(in_flight: int, size: int) -> int:
    """Shards of a size at a time, for a model that is asked `in_flight` questions at a time."""
    return max(2, -(-AHEAD * in_flight // size))


def shards(
    seeds: Iterator[list[Seed]],
    work: Callable[[list[Seed]], Shard],
    at_once: int,
    stop: Callable[[], None],
) -> Generator[Shard]:
    """What came of the seeds, at most `at_once` shards ahead of the reader.

    Raises `Stopped` after the last shard that got through before a limit was reached. On Ctrl-C
    the engine is told to `stop`, so that threads that wait for it come to their end, and on another
    one it is told so again.
    """
    waiting: deque[Future[Shard]] = deque()
    stopped: list[Stopped] = []

    def first() -> Iterator[Shard]:
        try:
            found = waiting.popleft().result()
            stopped.extend([found.stopped] if found.stopped else [])
            if found.seeds:
                yield found
        except Stopped as error:
            stopped.append(error)

    pool = ThreadPoolExecutor(at_once, "ftc-augment")
    try:
        for some in seeds:
            waiting.append(pool.submit(work, some))
            if len(waiting) > at_once:
                yield from first()
            if stopped:
                break
        while waiting:
            yield from first()
    except BaseException:
        stop()
        raise
    finally:
        try:
            pool.shutdown(cancel_futures=True)
        except KeyboardInterrupt:
            stop()
            raise
    if stopped:
        raise stopped[0]
