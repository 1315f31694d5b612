"""What a run would ask and pay: its kinds and its judge, rehearsed over a few seeds."""

from __future__ import annotations

from dataclasses import asdict, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from ftc.augment import calls as ledgers
from ftc.augment import result
from ftc.augment import seeds as sources
from ftc.augment.calls import Totals
from ftc.augment.estimate import Estimate, Part
from ftc.augment.judge import judged, rubric
from ftc.augment.judge import prompts as judge_prompts
from ftc.augment.kinds import KINDS, own_prompts
from ftc.augment.prompts import Prompts
from ftc.augment.question import Ask
from ftc.augment.rehearsal import Rehearsal, part, rehearse
from ftc.augment.seeds import Source, chosen
from ftc.augmentation import CHUNKS, Augment
from ftc.prep.rows import Row
from ftc.progress import Progress, quiet
from ftc.recipe import Recipe

SAMPLE = 24  # seeds of each kind that are rehearsed (judgment)
LATER = "{kind}: its seeds are not known before chunks are annotated"


class Forecast(NamedTuple):
    """The estimate of a run that finds no answer of an earlier one; what those have asked, by
    model; and what the estimate leaves out."""

    estimate: Estimate
    earlier: tuple[Totals, ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        earlier = [asdict(it) for it in self.earlier]
        return self.estimate.as_dict() | {"earlier": earlier, "notes": self.notes}


def forecast(
    recipe: Recipe,
    folder: Path,
    *,
    limit: int | None = None,
    offline: bool = False,
    progress: Progress = quiet,
) -> Forecast:
    """What `ftc augment` will ask about the rows of a recipe; no model is asked.

    The rows are prepared as far as they can be without a model.
    """
    settings = recipe.augmentation
    assert settings is not None
    prompts = Prompts(folder / settings.prompts if settings.prompts else None)
    parts: list[Part] = []
    notes: list[str] = []
    places = _sources(recipe, folder, offline, progress)
    for make in settings.make:
        source = places[make.kind in CHUNKS]
        if source is None:
            notes.append(LATER.format(kind=make.kind))
            continue
        kind = KINDS[make.kind]
        found = chosen(source, make, kind, recipe.seed)
        count = found.count if limit is None else min(found.count, limit)
        sample = list(islice(chain.from_iterable(found), min(SAMPLE, count)))
        files = own_prompts(make, folder)
        parts.append(rehearse(make, kind, sample, count, prompts, settings, files=files))
    if settings.judge is not None and (rows := places[False] or places[True]) is not None:
        made = sum(it.rows for it in parts)
        parts.append(_judging(settings, folder, prompts, rows, made))
    if itself := settings.judges_itself():
        notes.append(f"beware: {itself}")
    earlier = ledgers.totals(result.root(recipe, folder))
    return Forecast(Estimate(tuple(parts)), tuple(earlier), tuple(notes))


def _sources(
    recipe: Recipe, folder: Path, offline: bool, progress: Progress
) -> tuple[Source | None, Source | None]:
    """Rows and chunks, as far as the recipe's kinds take any; None where there are none yet."""
    settings, chunks = recipe.augmentation, None
    assert settings is not None
    if any(make.kind in CHUNKS for make in settings.make):
        chunks = sources.chunks(recipe, folder, progress=progress)
        if not result.sheet(recipe, folder).exists():
            return None, chunks
    if all(make.kind in CHUNKS for make in settings.make):
        return None, chunks
    return sources.rows(recipe, folder, offline=offline, progress=progress), chunks


def _judging(settings: Augment, folder: Path, prompts: Prompts, rows: Source, made: int) -> Part:
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

    ask = Rehearsal(prompts, settings, settings.named(judge.model))
    found = part("judge", run, some, made + human + again, ask, expected=judge_prompts(judge))
    return replace(found, rows=0, rows_most=0)
