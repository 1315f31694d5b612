"""Kind "document-qa": a question and its answer from a raw chunk, checked, and repaired once.

The method of Augmentoolkit: a model checks each pair for whether the text answers the question,
whether the question is about the text, and whether the text supports the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ftc.augment.kind import Kind, Made, Refused, Seed
from ftc.augment.kinds import aim, fixed, fresh, passage, wording
from ftc.augment.kinds.course import Answer, Work, Works, asked, ended, started
from ftc.augment.question import Ask
from ftc.augmentation import Make
from ftc.prep.rows import Row

NAME = "document-qa"
CHECK, REPAIR = "document-qa-check", "document-qa-repair"
FAILS = {  # by the verdict that is no
    "answerable": "the text does not answer the question",
    "relevant": "the question is not about the text",
    "supported": "the text does not support the answer",
}


def takes(row: Row, make: Make) -> str:
    """Raw chunks."""
    return passage.takes(row)


def make(seeds: Sequence[Seed], make: Make, ask: Ask) -> list[list[Made | Refused]]:
    """Two questions a seed, and two more for a pair that fails its check."""

    def values(work: Work) -> dict[str, Any]:
        return aim.values(make) | _shown(work)

    def repair(work: Work) -> dict[str, Any]:
        return values(work) | _pair(work) | {"fails": work.said["fails"], "why": work.said["why"]}

    def born(work: Work) -> Row:
        turns = (("user", work.said["question"]), ("assistant", work.said["answer"]))
        return fresh.row(work, NAME, turns, how={"repaired": bool(work.said.get("repaired"))})

    def failed(work: Work) -> bool:
        return bool(work.said["fails"])

    works = asked(ask, NAME, started(seeds), values, _drafted)
    works = _checked(ask, works, make, last=False)
    works = asked(ask, REPAIR, works, repair, _repaired, where=failed)
    works = _checked(ask, works, make, last=True)
    return aim.noted(ended(works, born), make)


def _drafted(work: Work, answer: Answer) -> Work | Refused:
    """A pair that is text at all; what can be seen without a model is a failed check already."""
    text = passage.text(work.seed.row)
    for name in ("question", "answer"):
        if bad := fixed.fault(work, answer[name], text):
            return bad
    if wording.same(answer["question"], answer["answer"]):
        return work.refused(wording.ECHO, answer["answer"][:200])
    fails, why = [], ""
    if number := passage.invented(answer["answer"], work.seed.row):
        fails, why = [passage.NUMBER], number
    elif words := passage.pointing(answer["question"]):
        fails, why = [passage.POINTING], words
    return work.knows(**answer, fails=fails, why=why, checked=False)


def _repaired(work: Work, answer: Answer) -> Work | Refused:
    found = _drafted(work, answer)
    return found if isinstance(found, Refused) else found.knows(repaired=True)


def _checked(ask: Ask, works: Works, make: Make, *, last: bool) -> Works:
    """The verdicts on pairs that have none yet; the last time a pair that fails is refused."""

    def values(work: Work) -> dict[str, Any]:
        return _shown(work) | _pair(work)

    def take(work: Work, answer: Answer) -> Work | Refused:
        fails = [reason for name, reason in FAILS.items() if not answer[name]]
        return work.knows(fails=fails, why=answer["reason"], checked=True)

    def unseen(work: Work) -> bool:
        return not work.said["fails"] and not work.said["checked"]

    found = asked(ask, CHECK, works, values, take, where=unseen, model=make.check_model)
    return [_refused(work) for work in found] if last else found


def _refused(work: Work | Refused) -> Work | Refused:
    if isinstance(work, Refused) or not work.said["fails"]:
        return work
    return work.refused(work.said["fails"][0], work.said["why"][:200])


def _shown(work: Work) -> dict[str, Any]:
    row = work.seed.row
    return {"title": row.title, "text": passage.text(row)}


def _pair(work: Work) -> dict[str, Any]:
    return {"question": work.said["question"], "answer": work.said["answer"]}


KIND = Kind(NAME, (NAME, CHECK, REPAIR), takes, make)
