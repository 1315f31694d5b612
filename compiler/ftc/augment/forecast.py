"""What a run would ask and pay: its kinds and its judge, rehearsed over a few seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from ftc.augment import result
from ftc.augment import seeds as sources
from ftc.augment.estimate import Estimate, Part
from ftc.augment.judge import judged, rubric
from ftc.augment.judge import prompts as judge_prompts
from ftc.augment.kinds import KINDS
from ftc.augment.prompts import Prompts
from ftc.augment.question import Ask
from ftc.augment.rehearsal import Known, Rehearsal, part, rehearse
from ftc.augment.seeds import Source, chosen
from ftc.augmentation import CHUNKS, Augment
from ftc.prep import finished
from ftc.prep.prepare import SEED, prepare
from ftc.prep.rows import Row
from ftc.recipe import Recipe

SAMPLE = 24  # seeds of each kind that are rehearsed (judgment)
Progress = Callable[[str, int, int], None]
LATER = "{kind}: its seeds are not known before chunks are annotated"


class Forecast(NamedTuple):
    """The estimate, and what it leaves out."""

    estimate: Estimate
    notes: tuple[str, ...]


def forecast(
    recipe: Recipe,
    folder: Path,
    *,
    limit: int | None = None,
    offline: bool = False,
    known: Known | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Forecast:
    """What `ftc augment` will ask about the rows of a recipe; no model is asked.

    The rows are prepared as far as they can be without a model. What is `known` costs nothing.
    """
    settings = recipe.augmentation
    assert settings is not None
    prompts = Prompts(folder / settings.prompts if settings.prompts else None)
    seed = SEED if recipe.training.seed is None else recipe.training.seed
    parts: list[Part] = []
    notes: list[str] = []
    places = _sources(recipe, folder, offline, progress)
    for make in settings.make:
        source = places[make.kind in CHUNKS]
        if source is None:
            notes.append(LATER.format(kind=make.kind))
            continue
        kind = KINDS[make.kind]
        found = chosen(source, make, kind, seed)
        count = found.count if limit is None else min(found.count, limit)
        sample = list(islice(chain.from_iterable(found), min(SAMPLE, count)))
        files = {kind.prompts[0]: folder / make.prompt} if make.prompt else {}
        parts.append(
            rehearse(make, kind, sample, count, prompts, settings, files=files, known=known)
        )
    if settings.judge is not None and (rows := places[False] or places[True]) is not None:
        made = sum(it.rows for it in parts)
        parts.append(_judging(settings, folder, prompts, rows, made, known))
    return Forecast(Estimate(tuple(parts)), tuple(notes))


def _sources(
    recipe: Recipe, folder: Path, offline: bool, progress: Progress
) -> tuple[Source | None, Source | None]:
    """Rows and chunks, as far as the recipe's kinds take any; None where there are none yet."""
    settings, chunks = recipe.augmentation, None
    assert settings is not None
    if any(make.kind in CHUNKS for make in settings.make):
        if recipe.preparation is not None:
            last = finished.before_annotate(recipe.preparation)
            prepare(recipe, folder, last=last, progress=progress)
        chunks = sources.chunks(recipe, folder)
        if not result.sheet(recipe, folder).exists():
            return None, chunks
    if all(make.kind in CHUNKS for make in settings.make):
        return None, chunks
    if recipe.preparation is not None:
        prepare(recipe, folder, progress=progress)
    return sources.rows(recipe, folder, offline=offline), chunks


def _judging(
    settings: Augment, folder: Path, prompts: Prompts, rows: Source, made: int, known: Known | None
) -> Part:
    """The judge, over rows of the user in the place of those that are not made yet."""
    judge = settings.judge
    assert judge is not None
    own = rubric.read(judge, folder)
    some = list(islice(rows.train(), SAMPLE))
    human = 0 if judge.method == "pairwise" else judge.human_rows
    again = (judge.runs - 1) * min(judge.agreement_rows, made)

    def run(row: Row, ask: Ask) -> int:
        new = row._replace(parents=(row.id,), form="chat" if row.form == "chunk" else row.form)
        found = judged([new], judge, ask, parents={row.id: row}, rubric=own)
        return sum(isinstance(it, Row) for it in found)

    ask = Rehearsal(prompts, settings, settings.named(judge.model), known=known)
    found = part("judge", run, some, made + human + again, ask, expected=judge_prompts(judge))
    return replace(found, rows=0, rows_most=0)
