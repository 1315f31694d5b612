"""Kind "annotate": instruction, input and output, from a raw chunk that supports them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ftc.augment.kind import Kind, Made, Refused, Seed
from ftc.augment.kinds import aim, fixed, fresh, passage, wording
from ftc.augment.kinds.course import Answer, Work, asked, ended, started
from ftc.augment.question import Ask
from ftc.augmentation import Make
from ftc.prep.rows import Row

NAME = "annotate"
UNFOUND = "the evidence does not stand in the text"


def takes(row: Row, make: Make) -> str:
    """Raw chunks."""
    return passage.takes(row)


def make(seeds: Sequence[Seed], make: Make, ask: Ask) -> list[list[Made | Refused]]:
    """One question a seed. The evidence is kept as it stands in the chunk, with its place."""

    def values(work: Work) -> dict[str, Any]:
        row = work.seed.row
        return aim.values(make) | {"title": row.title, "text": passage.text(row)}

    def take(work: Work, answer: Answer) -> Work | Refused:
        text = passage.text(work.seed.row)
        for name in ("instruction", "output"):
            if bad := fixed.fault(work, answer[name], text):
                return bad
        where = passage.place(answer["quote"], text)
        if where is None:
            return work.refused(UNFOUND, answer["quote"][:200])
        return _unsupported(work, answer) or work.knows(**answer, place=where)

    def born(work: Work) -> Row:
        start, end = work.said["place"]
        how = {"evidence": passage.text(work.seed.row)[start:end], "place": [start, end]}
        asked_ = (work.said["instruction"], work.said["input"])
        user = "\n".join(part for part in asked_ if part)
        return fresh.row(work, NAME, (("user", user), ("assistant", work.said["output"])), how=how)

    return aim.noted(ended(asked(ask, NAME, started(seeds), values, take), born), make)


def _unsupported(work: Work, answer: Answer) -> Refused | None:
    """What the new row says that it cannot have from the chunk."""
    if any(wording.same(answer["instruction"], answer[name]) for name in ("output", "quote")):
        return work.refused(wording.ECHO, answer["instruction"][:200])
    words = "" if answer["input"] else passage.pointing(answer["instruction"])
    if words:
        return work.refused(passage.POINTING, words)
    for name in ("input", "output"):
        if number := passage.invented(answer[name], work.seed.row):
            return work.refused(passage.NUMBER, number)
    return None


KIND = Kind(NAME, (NAME,), takes, make)
