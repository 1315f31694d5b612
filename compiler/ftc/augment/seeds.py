"""The rows that others are made of: those that are trained on, or raw chunks, chosen by content."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ftc.augment import files
from ftc.augment.kind import Kind, Seed
from ftc.augmentation import CHUNKS, Make
from ftc.data.example import Dataset, Rejected
from ftc.data.identity import order
from ftc.data.load import load
from ftc.errors import FtcError
from ftc.prep import canonical, finished
from ftc.prep import result as prepared
from ftc.prep.annotate import sheet
from ftc.prep.prepare import prepare
from ftc.prep.rows import Row
from ftc.prep.store import whole
from ftc.progress import Progress, quiet
from ftc.recipe import Recipe, Stage

SHARD = 64  # seeds that a kind gets at a time
OTHERS = {"self-instruct": 2}  # rows that a kind is shown beside its seed
PAIRS = ("dpo", "orpo")  # stages that train on what kind preference makes
AGAIN = "the same as another row"
Numbers = npt.NDArray[np.int64]


class Source(Protocol):
    """Rows that can be gone through several times, always in the same order."""

    def train(self) -> Iterator[Row]:
        """Those that may be seeds."""


@dataclass(frozen=True)
class Seeds:
    """Rows of a recipe as ftc lays them out, in two files. `rejected` are rows of [data] that
    cannot be trained on. Where not `trained`, they are chats of which pairs are made for a stage
    that trains on pairs alone."""

    folder: Path  # of the recipe
    train_path: Path
    eval_path: Path | None
    count: int
    held_out: int
    rejected: tuple[Rejected, ...] = ()
    trained: bool = True

    def train(self) -> Iterator[Row]:
        """The rows that are trained on."""
        yield from files.each(self.train_path, self.folder)

    def eval(self) -> Iterator[Row]:
        """The rows that are held out: never seeds."""
        yield from files.each(self.eval_path, self.folder) if self.eval_path else ()


@dataclass(frozen=True)
class Chunks:
    """The chunks that come to the step `annotate` of [prepare]."""

    recipe: Recipe
    folder: Path
    count: int

    def train(self) -> Iterator[Row]:
        """All of them: their rows are held out with those of the same chunk by `ftc prepare`."""
        return sheet.chunks(finished.to_annotate(self.recipe, self.folder))


@dataclass(frozen=True)
class Chosen:
    """What one `[[augment.make]]` takes; gone through in shards of `SHARD` seeds, in the order of
    the rows. `count` seeds in all; `refused` counts rows that are no seeds, by reason."""

    source: Source
    count: int
    refused: Counter[str]
    _times: Numbers  # by row, how many seeds it is
    _beside: _Ring | None = field(repr=False)

    def __iter__(self) -> Iterator[list[Seed]]:
        shard: list[Seed] = []
        for row, times in zip(self.source.train(), self._times.tolist(), strict=True):
            for number in range(times):
                others = self._beside.others(row, number) if self._beside else ()
                shard.append(Seed(row, number, others))
                if len(shard) == SHARD:
                    yield shard
                    shard = []
        if shard:
            yield shard


def rows(
    recipe: Recipe, folder: Path, *, offline: bool = False, progress: Progress = quiet
) -> Seeds:
    """The rows of a recipe, split as `ftc build` splits them.

    Where the recipe prepares any they are brought up to date, and stand as `ftc prepare` leaves
    them; those of [data] are written below the folder of `ftc augment`. FtcError when there are
    none.
    """
    assert recipe.augmentation is not None
    out = folder / recipe.augmentation.folder(recipe.name) / "seeds"
    if recipe.preparation is None:
        return _of_data(recipe, folder, out, offline)
    prepare(recipe, folder, progress=progress)
    prepared.used(recipe, folder)
    root = prepared.root(recipe, folder)
    train, held = root / "train.jsonl", root / "eval.jsonl"
    rejected: tuple[Rejected, ...] = ()
    if recipe.data.samples is not None:
        train = _sampled(train, out / "train.jsonl", folder, recipe.data.samples, recipe.seed)
    if recipe.data.eval_path is not None:
        held = out / "eval.jsonl"
        rejected = _held_out(recipe, folder, held, offline)
    return _seeds(folder, train, held, rejected)


def _of_data(recipe: Recipe, folder: Path, out: Path, offline: bool) -> Seeds:
    train, held = out / "train.jsonl", out / "eval.jsonl"
    found, trained = _loaded(recipe, folder, offline)
    files.write(train, map(canonical.of_example, found.train))
    files.write(held, map(canonical.of_example, found.eval))
    rejected = found.rejected
    if not trained and recipe.data.eval_path is not None:
        data = recipe.data.model_copy(update={"format": "auto", "columns": None})
        pairs = recipe.model_copy(update={"data": data})
        rejected += _held_out(pairs, folder, held, offline)
    return _seeds(folder, train, held, rejected, trained)


def _loaded(recipe: Recipe, folder: Path, offline: bool) -> tuple[Dataset, bool]:
    """The rows of [data], and whether the stage trains on them: of chats pairs can be made."""
    data, augment, seed = recipe.data, recipe.augmentation, recipe.seed
    try:
        return load(data, recipe.stage, folder, seed, offline=offline), True
    except FtcError as error:
        pairs = augment and any(make.kind == "preference" for make in augment.make)
        if not pairs or recipe.stage not in PAIRS:
            raise
        chats = data.model_copy(update={"eval": 0.0, "eval_path": None})
        try:
            return load(chats, "sft", folder, seed, offline=offline), False
        except FtcError:
            raise error from None


def _held_out(recipe: Recipe, folder: Path, path: Path, offline: bool) -> tuple[Rejected, ...]:
    """Lay out the rows of data.eval_path; those that cannot be used."""
    data = recipe.data.model_copy(
        update={"path": recipe.data.eval_path, "hub": None, "samples": None, "also": []}
        | {"eval": 0.0, "eval_path": None}
    )
    found = load(data, recipe.stage, folder, recipe.seed, offline=offline, own_ids=True)
    files.write(path, map(canonical.of_example, found.train))
    return found.rejected


def chunks(recipe: Recipe, folder: Path, *, progress: Progress = quiet) -> Chunks:
    """The chunks of a recipe, prepared up to where they are annotated; FtcError when it makes
    none."""
    if recipe.preparation is not None and "annotate" in recipe.preparation.skip:
        raise FtcError(
            "prepare.skip names annotate, and kinds annotate and document-qa fill its sheet",
            hint="take annotate out of prepare.skip, or these kinds out of [augment]",
        )
    if recipe.preparation is not None:
        last = finished.before_annotate(recipe.preparation)
        prepare(recipe, folder, last=last, progress=progress)
    found = sheet.chunks(finished.to_annotate(recipe, folder))
    return Chunks(recipe, folder, sum(1 for _ in found))


def chosen(seeds: Source, make: Make, kind: Kind, seed: int, stage: Stage | None = None) -> Chosen:
    """The seeds of one `[[augment.make]]`: all rows that the kind takes, and makes such of as the
    stage trains on, `per_row` times each.

    With `rows` so many of them at most: every row once before any is taken twice, in an order of
    content and `seed`, so that a row more or less changes the choice of one.
    """
    about = [make.how, make.part, make.task, make.tone, make.length, make.difficulty, make.language]
    purpose = " ".join(["augment", make.kind, *(str(it) for it in about if it)])
    refused: Counter[str] = Counter()
    ranks, takes = array("Q"), array("b")
    for row in seeds.train():
        why = kind.takes(row, make) or _untrained(row, kind, stage)
        refused.update([why] if why else [])
        ranks.append(int.from_bytes(order(row.id, seed, purpose)))
        takes.append(not why)
    rank, taken = np.array(ranks, np.uint64), np.array(takes, bool)
    first = np.zeros(len(rank), bool)
    first[np.unique(rank, return_index=True)[1]] = True
    if again := int((taken & ~first).sum()):
        refused[AGAIN] = again
    times = _times(rank, taken & first, make)
    beside = None
    if (shown := OTHERS.get(make.kind)) and isinstance(seeds, Seeds):
        beside = _Ring(seeds, rank, np.flatnonzero(taken & first), seed, shown)
    return Chosen(seeds, int(times.sum()), refused, times, beside)


def _untrained(row: Row, kind: Kind, stage: Stage | None) -> str:
    """Why no row that is made of this one would be trained on; "" when it would. Rows of chunks go
    through `ftc prepare` first, and may be seeds of rows that are."""
    form = kind.form or row.form
    if stage is None or kind.name in CHUNKS or form in canonical.FORMS[stage]:
        return ""
    return f"would be a {form} row, which stage {stage} does not train on"


def _times(rank: npt.NDArray[np.uint64], taken: npt.NDArray[np.bool_], make: Make) -> Numbers:
    times = np.where(taken, make.per_row, 0).astype(np.int64)
    able = np.flatnonzero(taken)
    if make.rows is not None and make.rows < times.sum():
        rounds, rest = divmod(make.rows, len(able))
        times[able] = rounds
        times[able[np.argsort(rank[able], kind="stable")[:rest]]] += 1
    return times


class _Ring:
    """Rows in a ring by rank: each seed is shown those that follow places of its own, so that a row
    that comes or goes is noticed by its neighbours alone."""

    def __init__(
        self, seeds: Seeds, rank: npt.NDArray[np.uint64], able: Numbers, seed: int, shown: int
    ) -> None:
        self._seeds, self._seed = seeds, seed
        offsets = np.array([place for place, _ in files.lines(seeds.train_path)], np.int64)
        at = able[np.argsort(rank[able], kind="stable")]
        self._rank, self._offsets, self._numbers = rank[at], offsets[at], at + 1
        self._shown = min(shown, len(at) - 1)

    def others(self, row: Row, number: int) -> tuple[Row, ...]:
        """So many different rows beside this one."""
        found: dict[str, Row] = {}
        for turn in range(self._shown):
            key = f"{row.id} {number} {turn}"
            place = int.from_bytes(order(key, self._seed, "augment beside"))
            at = int(np.searchsorted(self._rank, np.uint64(place)))
            other = self._row(at)
            while other.id == row.id or other.id in found:
                at += 1
                other = self._row(at)
            found[other.id] = other
        return tuple(found.values())

    def _row(self, at: int) -> Row:
        at %= len(self._offsets)
        path = self._seeds.train_path
        with path.open("rb") as stream:
            stream.seek(int(self._offsets[at]))
            return files.row(stream.readline(), path, self._seeds.folder, int(self._numbers[at]))


def _seeds(
    folder: Path, train: Path, held: Path, rejected: tuple[Rejected, ...], trained: bool = True
) -> Seeds:
    count = sum(1 for _ in files.lines(train))
    out = sum(1 for _ in files.lines(held)) if held.is_file() else 0
    return Seeds(folder, train, held if out else None, count, out, rejected, trained)


def _sampled(source: Path, path: Path, folder: Path, samples: int, seed: int) -> Path:
    """The lines that `data.samples` picks, as `ftc.data` picks them."""
    ranks = array("Q")
    for row in files.each(source, folder):
        ranks.append(int.from_bytes(order(row.id, seed, "sample")))
    picked = np.zeros(len(ranks), bool)
    picked[np.argsort(np.array(ranks, np.uint64), kind="stable")[:samples]] = True

    def write(beside: Path) -> None:
        with beside.open("wb") as stream:
            for (_, line), keep in zip(files.lines(source), picked.tolist(), strict=True):
                stream.write(line if keep else b"")

    whole(path, write)
    return path
