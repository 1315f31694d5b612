"""What the judge thinks of rows of the user beside made ones, and whether it says it twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ftc.augment import judge as judges
from ftc.augment.judge.chosen import chosen
from ftc.augment.seeds import Seeds
from ftc.augment.work import Work
from ftc.prep.rows import Row

Rows = Callable[[], Iterator[Row]]


def opinion(work: Work, made: Rows, seeds: Seeds) -> dict[str, Any]:
    """Scores of made and of human rows, the agreement of several runs, and what to beware of.

    `made` goes through all made rows, before any was filtered.
    """
    judge, ask = work.settings.judge, work.judging
    assert judge is not None and ask is not None
    human = judges.Tally()
    ours = judges.chosen_human(_own(seeds), judge, work.recipe.seed)
    human.add(judges.judged(ours, judge, ask, rubric=work.rubric))
    found = judges.verdicts(work.scores, human, judge)
    some = chosen(made(), judge.agreement_rows, work.recipe.seed)
    names = {name for row in some for name in row.parents}
    parents = {row.id: row for row in seeds.train() if row.id in names}
    twice = judges.agreement(
        some, judge, ask, parents=parents, rubric=work.rubric, seed=work.recipe.seed
    )
    itself = work.settings.judges_itself()
    return {
        "model": work.model(judge.model),
        "verdicts": found.as_dict(),
        "agreement": twice.as_dict(),
        "warnings": [*filter(None, [itself]), *found.warnings, *twice.warnings()],
    }


def _own(seeds: Seeds) -> Iterator[Row]:
    """Rows of the user: what a model annotated is none."""
    return (row for row in seeds.train() if "augment" not in row.notes)
