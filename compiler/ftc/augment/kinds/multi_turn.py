"""Kind "multi-turn": a chat that goes on after one question and its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ftc.augment.kind import Kind, Made, Refused, Seed
from ftc.augment.kinds import aim, fixed, fresh, talk, wording
from ftc.augment.kinds.answer import NAME as ANSWER
from ftc.augment.kinds.answer import answered
from ftc.augment.kinds.course import Answer, Work, asked, ended, started
from ftc.augment.question import Ask
from ftc.augmentation import Make
from ftc.prep.rows import Row

NAME = "multi-turn"


def takes(row: Row, make: Make) -> str:
    """Chats of one question and one answer in words."""
    return talk.plain(row, "chat") or talk.single(row)


def make(seeds: Sequence[Seed], make: Make, ask: Ask) -> list[list[Made | Refused]]:
    """A question of the user, then its answer, until there are `make.turns` questions.

    A chat that does not come to its end is refused: where to stop is the recipe's to say.
    """

    def values(work: Work) -> dict[str, Any]:
        told = {"persona": talk.system(work.seed.row), "conversation": talk.chat(_said(work))}
        return aim.values(make) | told

    def take(work: Work, answer: Answer) -> Work | Refused:
        text = answer["text"]
        if bad := fixed.fault(work, text, talk.question(work.seed.row)):
            return bad
        if any(wording.repeats(text, said) for _, said in _said(work)):
            return work.refused(wording.ECHO, text[:200])
        return work.knows(turns=(*_said(work), ("user", text)))

    def going_on(work: Work, answer: str) -> Work | Refused:
        if any(wording.repeats(answer, said) for _, said in _said(work)):
            return work.refused(wording.ECHO, answer[:200])
        return work.knows(turns=(*_said(work), ("assistant", answer)))

    def born(work: Work) -> Row:
        turns = talk.headed(work.seed.row, *_said(work))
        return fresh.row(work, NAME, turns, how={"questions": make.turns})

    works = started(seeds)
    for _ in range(make.turns - 1):
        works = asked(ask, NAME, works, values, take)
        works = answered(ask, works, _said, make, check=going_on)
    return aim.noted(ended(works, born), make)


def _said(work: Work) -> talk.Turns:
    """The chat as far as it is."""
    turns: talk.Turns = work.said.get("turns") or talk.dialogue(work.seed.row)
    return turns


KIND = Kind(NAME, (NAME, ANSWER), takes, make, "chat")
