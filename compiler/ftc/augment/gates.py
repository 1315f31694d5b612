"""Made rows pass what rows of yours pass in `ftc prepare`, and some checks of their own: what the
judge said, and that no row was made of what is held out or asks the same.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from shutil import rmtree

import pyarrow as pa
import pyarrow.compute as pc

from ftc.augment import sieve
from ftc.augment.likeness import Views
from ftc.augment.seeds import Seeds
from ftc.augment.sieve import Check, Sieve
from ftc.augmentation import Judge
from ftc.data import layouts
from ftc.data.table import BadRow
from ftc.errors import FtcError
from ftc.prep import deduplicate, pipeline
from ftc.prep.canonical import FORMS, asked, record
from ftc.prep.decontaminate import items
from ftc.prep.rows import Row, each, table
from ftc.prep.step import Inputs, Outcome, Step
from ftc.prep.store import BATCH, read_table
from ftc.preparation import Prepare
from ftc.progress import Progress
from ftc.recipe import Recipe

BELOW = "judge score below the threshold"
UNJUDGED = "not judged"
HELD = "made of a row that is held out"
ASKS = "asks what a held-out row asks"
UNREADABLE = "cannot be trained on"
LAYOUTS = {
    "chat": layouts.chat,
    "text": layouts.text,
    "segments": layouts.segments,
    "preference": layouts.preference,
    "kto": layouts.kto,
}
Gate = Callable[[Sieve], None]


@dataclass(frozen=True)
class Passed:
    """What came through. `filtered` and `left` count rows by the number of their
    `[[augment.make]]` (notes["augment"]["make"], 0 without), the one by reason; `figures` are those
    of the steps, by step."""

    batches: tuple[Path, ...]
    ledgers: tuple[Path, ...]
    filtered: dict[int, Counter[str]]
    left: Counter[int]
    figures: dict[str, Counter[str]]

    def kept(self) -> Iterator[pa.Table]:
        """The rows that may be trained on, in the order in which they were made."""
        yield from map(read_table, self.batches)

    def ledger(self) -> Iterator[pa.Table]:
        """What happened to the rows, as tables of `sieve.LEDGER`."""
        yield from map(read_table, self.ledgers)


def passed(
    made: Iterable[pa.Table],
    seeds: Seeds,
    recipe: Recipe,
    folder: Path,
    work: Path,
    progress: Progress = lambda step, done, total: None,
) -> Passed:
    """The rows of `made` that pass. `work` is a folder for files of this run alone: what is in it
    goes."""
    rmtree(work, ignore_errors=True)
    found = Sieve(work, sieve.written(made, work / "made"))
    gates = _gates(seeds, recipe, folder, work)
    for done, (name, gate) in enumerate(gates):
        progress(name, done, len(gates))
        gate(found)
    left: Counter[int] = Counter()
    for batch in found.batches:
        left.update(row.notes.get("augment", {}).get("make", 0) for row in each(read_table(batch)))
    return Passed(tuple(found.batches), tuple(found.ledgers), found.filtered, left, found.figures)


def below(row: Row, judge: Judge | None) -> tuple[str, str]:
    """Why the judge's score keeps a row out; "" when it does not."""
    if judge is None:
        return "", ""
    score = row.notes.get("judge", {}).get("score")
    if score is None:
        return UNJUDGED, ""
    return (BELOW, f"{score:.2f} of {judge.threshold:.2f}") if score < judge.threshold else ("", "")


def _gates(seeds: Seeds, recipe: Recipe, folder: Path, work: Path) -> list[tuple[str, Gate]]:
    """Each by its name, in the order of the steps of `ftc prepare`."""
    augment = recipe.augmentation
    prepare = recipe.preparation or Prepare(sources=["."], skip=["redact"])
    if augment and any(make.kind == "translate" for make in augment.make):
        prepare = prepare.model_copy(update={"language": None})  # there is more than one now
    train = sieve.written(tables(seeds.train()), work / "train")
    held = sieve.written(tables(seeds.eval()), work / "held")

    def inputs(step: str) -> Inputs:
        return Inputs(folder, prepare, getattr(prepare, step), recipe.seed)

    judge = partial(below, judge=augment.judge if augment else None)
    gates: dict[str, Gate] = {
        "judge": lambda found: found.checked("judge", judge),
        "clean": lambda found: found.through(pipeline.load("clean"), inputs("clean")),
        "redact": lambda found: found.through(pipeline.load("redact"), inputs("redact")),
        "split": lambda found: found.checked("split", _apart(seeds, recipe)),
        "deduplicate": lambda found: _unlike(found, inputs("deduplicate"), [*train, *held]),
        "decontaminate": lambda found: _clear(found, inputs("decontaminate"), seeds, train),
        "quality": lambda found: _good(found, inputs("quality"), train),
    }
    if augment is None or augment.judge is None:
        del gates["judge"]
    return [(name, gate) for name, gate in gates.items() if name not in prepare.skip]


def _apart(seeds: Seeds, recipe: Recipe) -> Check:
    """A row that can be trained on, and that has nothing to do with rows that are held out."""
    forms = FORMS[recipe.stage]
    related: set[str] = set()
    questions: set[str] = set()
    for row in seeds.eval():
        related.update((row.id, *row.parents))
        questions.add(asked(row))

    def check(row: Row) -> tuple[str, str]:
        if row.form not in forms:
            return f"a {row.form} row, which stage {recipe.stage} does not train on", ""
        near = next((name for name in row.parents if name in related), "")
        if near:
            related.add(row.id)
            return HELD, f"through {near}"
        if asked(row) in questions:
            return ASKS, ""
        try:
            LAYOUTS[row.form](record(row))
        except BadRow as error:
            return UNREADABLE, str(error)
        return "", ""

    return check


def _unlike(found: Sieve, inputs: Inputs, human: Sequence[Path]) -> None:
    """Rows that no other row says already: equal ones as a whole, like ones by what is new."""
    seen = (Views(read_table(batch), human) for batch in found.batches)
    rests = sieve.written((it.rests() for it in seen if it.some), found.work / "rests")
    settings = inputs.settings
    if settings.exact and rests:
        exact = settings.model_copy(update={"near": False, "meaning": None})
        whole = replace(inputs, settings=exact)
        found.through(_beside(human, whole, found.work / "there"), whole, name="whole")

    def gather(rows: pa.Table, inputs: Inputs, out: Path) -> None:
        deduplicate.gather(Views(rows, human).compared(), inputs, out)

    step = _beside([*human, *rests], inputs, found.work / "there-in-part")
    found.through(step._replace(gather=gather), inputs)


def _beside(human: Sequence[Path], inputs: Inputs, place: Path) -> Step:
    """The step `deduplicate` for rows beside others that stay whatever happens."""
    place.mkdir(parents=True)
    there = [place / f"{i:05}.arrow" for i in range(len(human))]
    for path, batch in zip(there, human, strict=True):
        deduplicate.gather(read_table(batch), inputs, path)
    return deduplicate.STEP._replace(decide=partial(deduplicate.decide, there=there))


def _clear(found: Sieve, inputs: Inputs, seeds: Seeds, human: Sequence[Path]) -> None:
    """Rows that hold no item of what the recipe names, and say nothing new that is held out."""
    step, settings = pipeline.load("decontaminate"), inputs.settings
    if settings.against:
        found.through(step, inputs)
    if seeds.eval_path is None:
        return
    name = Path(os.path.relpath(seeds.eval_path, inputs.folder)).as_posix()
    own = settings.model_copy(update={"against": [name], "columns": None, "drop": True})
    try:
        items.gather(own.against, None, own.min_words, inputs.folder)
    except FtcError:
        return  # not one held-out text is long enough to be looked for

    def apply(rows: pa.Table, inputs: Inputs) -> Outcome:
        seen = step.apply(Views(rows, human).compared(), inputs)
        stays = pc.is_in(rows["id"], seen.rows["id"].combine_chunks())
        return Outcome(rows.filter(stays), seen.ledger, seen.figures)

    found.through(step._replace(apply=apply), replace(inputs, settings=own), name="held-out")


def _good(found: Sieve, inputs: Inputs, human: Sequence[Path]) -> None:
    """Rows that are worth it, beside rows of yours; what people said of these is for these."""
    settings = inputs.settings.model_copy(update={"review": None})
    found.through(pipeline.load("quality"), replace(inputs, settings=settings), beside=human)


def tables(rows: Iterable[Row]) -> Iterator[pa.Table]:
    """Rows as tables of a batch each."""
    """Rows in full batches."""
    some = iter(rows)
    while batch := list(islice(some, BATCH)):
        yield table(batch)
