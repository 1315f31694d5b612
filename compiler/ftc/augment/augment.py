"""`ftc augment` as a whole: rows of chunks, rows of rows, judge, gates, and the finished files."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from shutil import rmtree
from typing import Any

from ftc.augment import calls as ledgers
from ftc.augment import gates, output, result, serving, sieve
from ftc.augment import seeds as sources
from ftc.augment.calls import Calls
from ftc.augment.counted import Counted
from ftc.augment.engine import running
from ftc.augment.gates import Passed
from ftc.augment.judge import rubric
from ftc.augment.lines import Lines
from ftc.augment.opinion import opinion
from ftc.augment.prompts import Prompts
from ftc.augment.question import Stopped
from ftc.augment.report import Line, Report
from ftc.augment.seeds import Seeds, Source
from ftc.augment.stage import Shard
from ftc.augment.wanted import wanted
from ftc.augment.work import Work, made
from ftc.augmentation import CHUNKS
from ftc.errors import FtcError
from ftc.facts import model, tokens
from ftc.prep import lengths
from ftc.prep.canonical import record
from ftc.prep.rows import Row, each, table
from ftc.prep.store import read_table
from ftc.progress import Progress, quiet
from ftc.recipe import Recipe

WAITING = "kinds that take rows have none before a run without --limit has annotated chunks"
NO_ROWS = "name a better model in [augment.models], or look at its answers: --limit 3 --format json"
MOST_SHOWN = 200  # rows of a try in its report
LOST = "left out by ftc prepare"
HELD = "held out by ftc prepare"


@dataclass
class Run:
    """A run at work: what its parts have come to so far."""

    recipe: Recipe
    folder: Path  # of the recipe
    root: Path  # of the results
    work: Work
    lines: list[Line]
    ledger: Lines
    before: int = 0  # answers of earlier runs
    tried: list[Row] = field(default_factory=list)  # made in a try, to be looked at
    stopped: str = ""
    notes: list[str] = field(default_factory=list)

    def numbers(self, *, chunks: bool) -> list[int]:
        """Those of the `[[augment.make]]` that take chunks, or rows."""
        return [line.number for line in self.lines if (line.kind in CHUNKS) == chunks]


def augment(
    recipe: Recipe,
    folder: Path,
    *,
    limit: int | None = None,
    fresh: bool = False,
    offline: bool = False,
    progress: Progress = quiet,
) -> Report:
    """Make the rows that `[augment]` asks for, and write them beside those of the user.

    What models answered in earlier runs is not asked again, unless `fresh`. With a `limit` of so
    many seeds of each kind it is a try: no file to train on is written. FtcError when nothing can
    be made before the user has mended something.
    """
    counter = tokens.counter(model.gather(recipe.model, folder, offline))
    with at_work(recipe, folder, limit, fresh, offline, progress) as (run, calls):
        if run.numbers(chunks=True):
            annotated(run)
            if limit is not None and not result.sheet(recipe, folder).exists():
                run.notes += [WAITING] if run.numbers(chunks=False) else []
                return _report(run, calls, None, {})
        seeds = sources.rows(recipe, folder, offline=offline, progress=progress)
        state = result.now(recipe, folder)
        place = run.root / "work" / "gates"
        tables = (table(shard.rows) for shard in _shards(run, seeds, chunks=False))
        passed = gates.passed(tables, seeds, recipe, folder, place, progress)
        judge = _opinion(run, seeds, place / "made")
        _counted(run, passed, seeds)
        counted = _tokens(run, passed, seeds, counter)
        if limit is None:
            output.write(run.root, seeds, passed, run.ledger.tables(), state)
        return _report(run, calls, seeds, judge, *counted)


def _opinion(run: Run, seeds: Seeds, made: Path) -> dict[str, Any]:
    """What the judge thinks; nothing where there is none, or where a limit has ended the run."""
    if run.work.judging is None or run.stopped:
        return {}
    paths = sorted(made.glob("*.parquet"))

    def rows() -> Iterator[Row]:
        return chain.from_iterable(each(read_table(path)) for path in paths)

    try:
        return opinion(run.work, rows, seeds)
    except Stopped as error:
        run.stopped = error.reason
        return {}


@contextmanager
def at_work(
    recipe: Recipe,
    folder: Path,
    limit: int | None,
    fresh: bool,
    offline: bool,
    progress: Progress,
) -> Iterator[tuple[Run, Calls]]:
    """Models served, engine and ledger open, for as long as the block lasts."""
    root = result.root(recipe, folder)
    settings = wanted(recipe, limit)
    own = folder / Path(settings.prompts).expanduser() if settings.prompts else None
    judge = settings.judge
    with (
        ledgers.opened(root, fresh=fresh) as calls,
        serving.ready(settings, folder, offline=offline, progress=progress) as targets,
        running(targets, calls, settings.limits) as engine,
    ):
        rmtree(root / "work", ignore_errors=True)
        for left in (*root.glob(".*.*.*"), *(root / "seeds").glob(".*.*.*")):
            left.unlink(missing_ok=True)  # half-written by a run that was killed
        work = Work(recipe, settings, folder, limit, Prompts(own), engine, targets, progress)
        work.left = settings.limits.rows
        if judge is not None:
            work.rubric = rubric.read(judge, folder)
            work.judging = Counted(work.asker(judge.model))
        lines = [
            Line(number, make.kind, work.model(make.model))
            for number, make in enumerate(settings.make, start=1)
        ]
        before = sum(it.answered for it in calls.totals())
        run = Run(recipe, folder, root, work, lines, Lines(root / "work" / "lines"), before)
        yield run, calls
        rmtree(root / "work", ignore_errors=True)


def annotated(run: Run) -> None:
    """Rows of chunks, into the sheet that `ftc prepare` reads like one filled by hand."""
    chunks = sources.chunks(run.recipe, run.folder, progress=run.work.progress)
    rows = _passing(run, _shards(run, chunks, chunks=True))
    if run.work.limit is not None:
        deque(rows, maxlen=0)
    elif not output.sheet(run.recipe, run.folder, rows, chunks):
        raise FtcError(f"no chunk became a row{_reasons(run.lines)}", hint=NO_ROWS)


def _reasons(lines: Iterable[Line]) -> str:
    """What stood against most of the seeds."""
    counts: Counter[str] = Counter()
    for line in lines:
        counts += line.failed + line.refused + line.filtered + line.other
    told = [f"{count} x {reason}" for reason, count in counts.most_common(3)]
    return f" ({', '.join(told)})" if told else ""


def _shards(run: Run, source: Source, *, chunks: bool) -> Iterator[Shard]:
    """What comes of the seeds of all kinds that take chunks, or rows; it is noted what became of
    each. Where a limit is reached, they end."""
    for number in run.numbers(chunks=chunks):
        if run.stopped:
            return
        try:
            for shard in made(run.work, number, source, run.lines[number - 1]):
                run.ledger.add(shard.told)
                if run.work.limit is not None:
                    run.tried += shard.rows[: MOST_SHOWN - len(run.tried)]
                yield shard
        except Stopped as error:
            run.stopped = error.reason


def _passing(run: Run, shards: Iterable[Shard]) -> Iterator[Row]:
    """The rows that the judge lets pass."""
    check = partial(gates.below, judge=run.work.settings.judge)
    for shard in shards:
        rows = table(shard.rows)
        seen = sieve.looked_at(rows, check)
        told = sieve.told(seen.ledger, "judge", rows)
        for number, reason in zip(
            *(told[it].to_pylist() for it in ("make", "reason")), strict=True
        ):
            run.lines[number - 1].filtered[reason] += 1
        run.ledger.add(told)
        yield from each(seen.rows)


def _counted(run: Run, passed: Passed, seeds: Seeds) -> None:
    """What of the made rows is kept; what was made of chunks has gone through `ftc prepare`."""
    kept, held = Counter(passed.left), Counter[int]()
    for rows, counter in ((seeds.train(), kept), (seeds.eval(), held)):
        counter.update(row.notes["augment"]["make"] for row in rows if "augment" in row.notes)
    for line in run.lines:
        line.kept = kept[line.number]
        line.filtered.update(passed.filtered.get(line.number, {}))
        if line.kind in CHUNKS and run.work.limit is None:
            line.filtered[HELD] += held[line.number]
            line.filtered[LOST] += line.made - line.filtered.total() - line.kept
            line.filtered = +line.filtered


def _report(
    run: Run,
    calls: Calls,
    seeds: Seeds | None,
    judge: dict[str, Any],
    counted: tuple[int, int] = (0, 0),
    by: str = "tokens",
) -> Report:
    if run.work.limit is not None:
        for line in run.lines:
            if line.kind in CHUNKS:
                line.kept = line.made - line.filtered.total()
    written = sum(line.kept for line in run.lines if line.kind in CHUNKS)
    human = seeds.count - written if seeds and seeds.trained and run.work.limit is None else 0
    judging = Line(0, "judge", judge.get("model", ""))
    totals = calls.totals()
    if run.work.judging is not None:
        judging.asked(run.work.judging.counts)
    return Report(
        name=run.recipe.name,
        folder=os.path.relpath(run.root, run.folder),
        lines=tuple(run.lines),
        judging=judging,
        judge=judge,
        human=human,
        held_out=seeds.held_out if seeds else 0,
        tokens=counted,
        counted=by,
        paid=sum(it.answered for it in totals) - run.before,
        calls=tuple(asdict(it) for it in totals),
        faults=calls.faults(),
        tried=tuple(record(row) for row in run.tried),
        notes=(*run.notes, *run.work.engine.notes()),
        stopped=run.stopped,
        written=run.work.limit is None,
    )


def _tokens(
    run: Run, passed: Passed, seeds: Seeds, found: tokens.Counter | None
) -> tuple[tuple[int, int], str]:
    """Tokens of the rows of the user and of made ones, and how they were counted."""
    ours = (row for row in seeds.train() if seeds.trained and "augment" not in row.notes)
    theirs = (row for row in seeds.train() if "augment" in row.notes)
    place = run.root / "work" / "tokens"
    sums = []
    for name, rows in (("ours", gates.tables(ours)), ("theirs", gates.tables(theirs))):
        paths = sieve.written(rows, place / name)
        paths += passed.batches if name == "theirs" else ()
        lengths_ = lengths.measure(paths, found, seed=run.recipe.seed)
        sums.append(lengths_.tokens if lengths_ else 0)
    return (sums[0], sums[1]), "tokens" if found else "tokens (estimated from bytes)"
