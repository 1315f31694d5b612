"""A new row: its id, its parents and where it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ftc.augment.kinds.course import Work
from ftc.augment.kinds.talk import Turns
from ftc.prep.rows import Form, Row, identity


def row(
    work: Work,
    kind: str,
    turns: Turns,
    *,
    form: Form = "chat",
    prompt: str = "",
    shown: Iterable[Row] = (),
    extra: Mapping[str, Any] | None = None,
    how: Mapping[str, Any] | None = None,
    notes: Mapping[str, Any] | None = None,
) -> Row:
    """A row made of a seed and of the rows that were `shown` beside it.

    `prompt` names the template, by default that of the kind; `how` is what else there is to tell
    of the way in notes["augment"]. The id is a hash of all that the row is, so that the same
    answers give the same ids.
    """
    seed = work.seed
    parents = lineage((seed.row, *shown))
    said = [part for turn in turns for part in turn]
    return Row(
        id=identity(kind, *parents, str(seed.number), form, *said),
        file=seed.row.file,
        place=seed.row.place,
        turns=turns,
        form=form,
        medium=seed.row.medium,
        title=seed.row.title,
        parents=parents,
        extra=dict(extra or {}),
        notes={"augment": {"kind": kind, "prompt": prompt or kind, **(how or {})}, **(notes or {})},
    )


def lineage(rows: Iterable[Row]) -> tuple[str, ...]:
    """Ids of rows and of those that they were made from: what holds out one holds out the other."""
    return tuple(dict.fromkeys(name for row in rows for name in (row.id, *row.parents)))
