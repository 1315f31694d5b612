"""One `[[augment.make]]` at work: its seeds in shards, new rows, and the judge's score of each."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ftc.augment import judge as judges
from ftc.augment import output
from ftc.augment.asker import asker
from ftc.augment.counted import Counted
from ftc.augment.engine import Running
from ftc.augment.kind import Made, Refused, Seed
from ftc.augment.kinds import KINDS, own_prompts
from ftc.augment.prompts import Prompts
from ftc.augment.providers import Target
from ftc.augment.question import Ask, Stopped
from ftc.augment.report import Line
from ftc.augment.seeds import SHARD, Source, chosen
from ftc.augment.stage import Shard, shards, threads, together
from ftc.augmentation import Augment, Make
from ftc.prep.rows import Row
from ftc.progress import Progress
from ftc.recipe import Recipe

WAITING = "waiting for answers on their way; Ctrl-C again leaves them"
DIGITS = 16  # of a hash, in the rows' lines


@dataclass
class Work:
    """What all parts of a run share. `left` counts down the rows that may still be made."""

    recipe: Recipe
    settings: Augment  # of the recipe, for this run
    folder: Path  # of the recipe
    limit: int | None  # seeds of each kind
    prompts: Prompts
    engine: Running
    targets: Mapping[str, Target]
    progress: Progress
    rubric: judges.Rubric | None = None
    left: int | None = None
    judging: Counted | None = None
    scores: judges.Tally = field(default_factory=judges.Tally)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def asker(self, name: str | None, make: Make | None = None) -> Ask:
        """What asks a model of the recipe, for a kind or for the judge."""
        endpoint = self.settings.named(name)
        files = own_prompts(make, self.folder) if make else {}
        return asker(self.engine, self.prompts, endpoint, files)

    def model(self, name: str | None) -> str:
        """The name by which a model of the recipe is told of."""
        return self.targets[self.settings.named(name)].model

    def scored(self, found: list[Row | Refused]) -> None:
        """Count what the judge said of made rows."""
        with self._lock:
            self.scores.add(found)


def made(work: Work, number: int, source: Source, line: Line) -> Iterator[Shard]:
    """What comes of the seeds of the `[[augment.make]]` of this number, from 1, in their order;
    `line` is filled meanwhile.

    Raises `Stopped` when a limit is reached, after the shards that got through before.
    """
    make = work.settings.make[number - 1]
    kind = KINDS[make.kind]
    seeds = chosen(source, make, kind, work.recipe.seed, work.recipe.stage)
    line.other = seeds.refused
    count = seeds.count if work.limit is None else min(seeds.count, work.limit)
    ask = work.asker(make.model, make)
    in_flight = work.settings.models[work.settings.named(make.model)].in_flight

    def one(some: list[Seed]) -> Shard:
        counted = Counted(ask)
        shard = _through(work, number, some, kind.make(some, make, counted))
        return shard._replace(counts=counted.counts)

    def each(some: list[Seed], reason: Stopped) -> Shard:
        """Of the seeds that a limit has come upon, those whose answers are all there."""
        found = []
        for seed in some:
            with suppress(Stopped):
                found.append(one([seed]))
        return together(found, reason)

    def so_far(some: list[Seed]) -> Shard:
        try:
            return one(some)
        except Stopped as reason:
            return each(some, reason)

    def stop() -> None:
        work.progress(WAITING, 0, 0)
        work.engine.stop()

    found = shards(_first(seeds, count), so_far, threads(in_flight, SHARD), stop)
    try:
        for shard in found:
            shard = _within(work, shard)
            line.add(shard)
            yield shard
            work.progress(make.kind, line.seeds, count)
            if work.left == 0:
                raise Stopped("the limit of rows is reached")
    finally:
        found.close()


def _first(seeds: Iterable[list[Seed]], count: int) -> Iterator[list[Seed]]:
    for shard in seeds:
        if count <= 0:
            return
        yield shard[:count]
        count -= len(shard)


def _within(work: Work, shard: Shard) -> Shard:
    """The shard with no more rows than may still be made."""
    if work.left is None:
        return shard
    rows = shard.rows[: work.left]
    work.left -= len(rows)
    return shard._replace(rows=rows)


def _through(
    work: Work, number: int, seeds: list[Seed], found: list[list[Made | Refused]]
) -> Shard:
    """Rows that say how they were made, and what the judge thinks of them."""
    flat = [one for seed in found for one in seed]
    rows = [_told(work, number, it) for it in flat if isinstance(it, Made)]
    rows = _judged(work, seeds, rows)
    refused = [it for it in flat if isinstance(it, Refused)]
    left = iter(rows)
    told = [it._replace(row=next(left)) if isinstance(it, Made) else it for it in flat]
    story = output.story(told, number, work.settings.make[number - 1].kind)
    return Shard(len(seeds), rows, refused, story)


def _judged(work: Work, seeds: list[Seed], rows: list[Row]) -> list[Row]:
    judge = work.settings.judge
    if judge is None or work.judging is None:
        return rows
    found = judges.judged(
        rows,
        judge,
        work.judging,
        parents={row.id: row for seed in seeds for row in (seed.row, *seed.others)},
        rubric=work.rubric,
        model=work.model(judge.model),
    )
    work.scored(found)
    return [
        _scored(it) if isinstance(it, Row) else row for row, it in zip(rows, found, strict=True)
    ]


def _told(work: Work, number: int, new: Made) -> Row:
    """A row whose line will say which model made it, by which prompt and in which calls."""
    note, make = new.row.notes["augment"], work.settings.make[number - 1]
    file = own_prompts(make, work.folder).get(note["prompt"])
    how = {
        "make": number,
        "model": work.model(make.model),
        "prompt_hash": work.prompts.load(note["prompt"], file).hash[:DIGITS],
        "calls": [key[:DIGITS] for key in new.calls],
    }
    return new.row._replace(notes=new.row.notes | {"augment": note | how})


def _scored(row: Row) -> Row:
    score = {"score": row.notes["judge"]["score"]}
    return row._replace(notes=row.notes | {"augment": row.notes["augment"] | score})
