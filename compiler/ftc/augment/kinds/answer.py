"""Kind "answer": the last answer of a row anew; and the answers to what other kinds ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ftc.augment.kind import Kind, Made, Refused, Seed
from ftc.augment.kinds import aim, fixed, fresh, talk, wording
from ftc.augment.kinds.course import Answer, Work, Works, asked, ended, started
from ftc.augment.question import Ask
from ftc.augmentation import Make
from ftc.prep.rows import Row

NAME = "answer"


def takes(row: Row, make: Make) -> str:
    """Chats and preference pairs that end in an answer in words."""
    return talk.plain(row, "chat", "preference")


def make(seeds: Sequence[Seed], make: Make, ask: Ask) -> list[list[Made | Refused]]:
    """All turns before the answer stay; of a preference pair the chosen answer is a new one."""

    def new(work: Work, answer: str) -> Work | Refused:
        answers = work.seed.row.turns[talk.final(work.seed.row) :]
        repeated = any(wording.same(answer, said) for _, said in answers)
        return work.refused(wording.ECHO, answer[:200]) if repeated else work

    def before(work: Work) -> talk.Turns:
        return talk.dialogue(work.seed.row, talk.final(work.seed.row))

    def born(work: Work) -> Row:
        row = work.seed.row
        at = talk.final(row)
        turns = (*row.turns[:at], (row.turns[at][0], work.said["answer"]), *row.turns[at + 1 :])
        return fresh.row(work, NAME, turns, form=row.form, extra=talk.own(row))

    works = answered(ask, started(seeds), before, make, check=new)
    return aim.noted(ended(works, born), make)


def answered(
    ask: Ask,
    works: Works,
    turns: Callable[[Work], talk.Turns],
    make: Make,
    *,
    check: Callable[[Work, str], Work | Refused] = lambda work, _: work,
    where: Callable[[Work], bool] = lambda _: True,
    samples: int = 1,
    sample: int = 0,
) -> Works:
    """A stage that answers the last of `turns`; the answer is said["answer"] from then on."""

    def values(work: Work) -> dict[str, Any]:
        *earlier, (_, request) = turns(work)
        told = {"persona": talk.system(work.seed.row), "conversation": talk.chat(earlier)}
        return aim.values(make) | told | {"request": request}

    def take(work: Work, answer: Answer) -> Work | Refused:
        text, request = answer["text"], turns(work)[-1][1]
        if bad := fixed.fault(work, text, talk.answer(work.seed.row)):
            return bad
        if wording.same(text, request) or wording.same(text, request.partition("\n")[2]):
            return work.refused(wording.ECHO, text[:200])
        return check(work.knows(answer=text), text)

    return asked(ask, NAME, works, values, take, where=where, samples=samples, sample=sample)


KIND = Kind(NAME, (NAME,), takes, make)
