"""What a run would ask and pay: its kinds and its judge, rehearsed over a few seeds."""

from __future__ import annotations

from collections.abc import Iterator
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
from ftc.augment.seeds import Chosen, Seeds, Source, chosen
from ftc.augment.wanted import wanted
from ftc.augmentation import CHUNKS, Augment, Make
from ftc.errors import FtcError
from ftc.prep.alone import alone
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

    The rows are prepared as far as they can be without a model. FtcError while a run is at work.
    """
    with alone(result.root(recipe, folder), "augment"):
        return _forecast(recipe, folder, limit, offline, progress)


def _forecast(
    recipe: Recipe, folder: Path, limit: int | None, offline: bool, progress: Progress
) -> Forecast:
    settings = wanted(recipe, limit)
    own = folder / Path(settings.prompts).expanduser() if settings.prompts else None
    prompts = Prompts(own)
    parts: list[Part] = []
    notes: list[str] = []
    used: list[Source | None] = []
    places = _sources(recipe, folder, offline, progress)
    for make in settings.make:
        source = places[make.kind in CHUNKS]
        used.append(source)
        if source is None:
            notes.append(LATER.format(kind=make.kind))
            continue
        kind = KINDS[make.kind]
        found = chosen(source, make, kind, recipe.seed, recipe.stage)
        notes += _short(make, found)
        count = found.count if limit is None else min(found.count, limit)
        sample = list(islice(chain.from_iterable(found), min(SAMPLE, count)))
        files = own_prompts(make, folder)
        parts.append(rehearse(make, kind, sample, count, prompts, settings, files=files))
    if not any(part.seeds for part in parts) and None not in used:
        raise FtcError(f"no row is a seed for any kind: {'; '.join(notes)}")
    if settings.judge is not None and (rows := places[False] or places[True]) is not None:
        made = sum(it.rows for it in parts)
        parts.append(_judging(settings, folder, prompts, rows, made))
    rows = places[False]
    if isinstance(rows, Seeds) and not rows.trained:
        notes.append("no pair is held out, as all are made of rows to train on: data.eval_path may")
    if itself := settings.judges_itself():
        notes.append(f"beware: {itself}")
    earlier = ledgers.totals(result.root(recipe, folder))
    return Forecast(Estimate(tuple(parts)), tuple(earlier), tuple(notes))


def _short(make: Make, found: Chosen) -> Iterator[str]:
    """What there is to say of a kind that comes to fewer rows than were asked for."""
    reasons = ", ".join(f"{count:,} {why}" for why, count in found.refused.most_common(3))
    if not found.count:
        yield f"{make.kind}: no row is a seed ({reasons or 'there are none'})"
    elif make.rows is not None and found.count < make.rows:
        yield (
            f"{make.kind}: {found.count:,} of the {make.rows:,} rows asked for, each seed "
            f"{make.per_row} times: a larger per_row makes more"
        )


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
