"""What is measured: methods on the same rows, in turns, each time in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bench_data.measured import Result, Side, result
from bench_data.method import Method

from bench_augment import peers, rows
from bench_augment.server import serving

INSTANT, LATENCY, MANY = "instant", "latency", "many"
FTC = Side(Path(sys.executable), "bench_augment.ours", "METHODS", "folder", ours=True)
PEERS = Side(Path(sys.executable), "bench_augment.peers", "METHODS", "folder", ours=False)
SLOW = (peers.BATCHES, peers.PIPELINE)  # with latency: once is enough


class Subject(NamedTuple):
    """Sides on so many rows each, against a server whose answers take `mean` seconds."""

    name: str
    title: str
    words: str
    sides: tuple[Side, ...]
    rows: tuple[int, ...]
    mean: float = 0.0
    times: int = 3
    once: tuple[str, ...] = ()


def subjects(instant: int, latency: int, many: Sequence[int]) -> tuple[Subject, ...]:
    """All of them, on so many rows."""
    side = replace(FTC, table="MANY")
    return (
        Subject(INSTANT, "Answers at once", AT_ONCE, (PEERS, FTC), (instant,)),
        Subject(LATENCY, "Answers that take time", LATE, (PEERS, FTC), (latency,), 0.5, once=SLOW),
        Subject(MANY, "Many seed rows", MEMORY, (side,), tuple(many), times=1),
    )


def measure(subject: Subject, show: Callable[[Result], None]) -> list[Result]:
    """The median of each method's runs; the methods take turns."""
    found: list[Result] = []
    for count in subject.rows:
        runs: dict[str, list[Result]] = {}
        for side, method in _turns(subject):
            now = once(subject, side, method, count)
            show(now)
            runs.setdefault(method.name, []).append(now)
        found += map(middle, runs.values())
    return found


def _turns(subject: Subject) -> Iterator[tuple[Side, Method]]:
    for turn in range(subject.times):
        for side in subject.sides:
            for method in side.methods():
                if turn == 0 or method.name not in subject.once:
                    yield side, method


def once(subject: Subject, side: Side, method: Method, count: int) -> Result:
    """One run with a server of its own; one that did not ask what it should has failed."""
    with TemporaryDirectory(prefix="ftc-bench-rows-") as place:
        folder = Path(place)
        rows.write(folder, count)
        with serving(subject.mean) as server:
            (folder / "url").write_text(server.url, encoding="utf-8")
            found = result(side, method, subject.name, folder, count, _scores)
    if found.why:
        return found
    wanted = server.answered if subject.name == MANY else count  # ftc prepare may leave rows out
    if not found.scores["answers"] == server.answered == wanted:
        said = f"{server.answered} answers sent, {found.scores['answers']} received"
        return replace(found, why=f"failed: {said}")
    told = {"server CPU-s": server.cpu, "in flight": server.most_in_flight}
    return replace(found, scores=found.scores | told)


def middle(runs: Sequence[Result]) -> Result:
    """The run of median wall time, with the range of all; one that failed before all others."""
    if bad := next((it for it in runs if it.why), None):
        return bad
    some = sorted(runs, key=lambda it: it.wall)
    span = {"least": some[0].wall, "most": some[-1].wall, "runs": len(some)}
    return replace(some[len(some) // 2], scores=some[len(some) // 2].scores | span)


def _scores(answer: dict[str, float], folder: Path, count: int) -> dict[str, float]:
    return answer


AT_ONCE = """\
The server answers at once; what is measured is what each client adds."""
LATE = """\
The server answers after delays drawn from an exponential distribution of mean 0.5 s, the same
list for every method, in the order in which questions come. With 50 in flight 1,000 rows cannot
take much less than 10 seconds."""
MEMORY = f"""\
`ftc augment` as a whole, one kind, answers at once, {rows.HELD} more rows held out. The first
method reads rows by [data], which loads them whole as `ftc build` does; the second has them
collected, cleaned and deduplicated by `ftc prepare` first, which is in its time; memory is that of
ftc's own process, without the workers of `ftc prepare`. The bound is a judgment. For each seed row
deduplication compares three: it, what it says in the place of the new text, and the made one."""
