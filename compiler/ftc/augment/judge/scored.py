"""Rows with the judge's score in their notes; a row without one is kept out of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from ftc.augment.judge.method import found
from ftc.augment.judge.rubric import Rubric
from ftc.augment.judge.verdict import Bench, Silence
from ftc.augment.kind import Refused
from ftc.augment.question import Ask
from ftc.augmentation import Judge
from ftc.prep.rows import Row

NOT_JUDGED = "not judged"
NONE: Mapping[str, Row] = MappingProxyType({})


def judged(
    rows: Sequence[Row],
    judge: Judge,
    ask: Ask,
    *,
    parents: Mapping[str, Row] = NONE,
    rubric: Rubric | None = None,
    model: str = "",
) -> list[Row | Refused]:
    """Each row with notes["judge"], or why it has no score, in their order.

    `parents` are rows by id, for pairwise and for references; `rubric` is what `rubric.read` gives,
    `model` the name for the notes. A note holds "score" from 0 to 1, "method", "model", "reason",
    and the marks as the model gave them: "given", "aspects" or, for pairwise, "orders".
    """
    done: list[Row | Refused] = []
    verdicts = found(rows, Bench(judge, ask, parents, rubric))
    for row, it in zip(rows, verdicts, strict=True):
        if isinstance(it, Silence):
            done.append(Refused(row.id, it.asked, NOT_JUDGED, it.detail, it.calls))
            continue
        told = {"score": round(it.score, 4), "method": judge.method, "model": model}
        note = {"judge": told | {"reason": it.reason} | dict(it.said)}
        done.append(row._replace(notes=row.notes | note))
    return done
