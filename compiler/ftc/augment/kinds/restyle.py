"""Kind "restyle": the answer in another tone or length, and the question made to fit it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ftc.augment.kind import Kind, Made, Refused, Seed
from ftc.augment.kinds import aim, fixed, fresh, talk, wording
from ftc.augment.kinds.course import Answer, Work, asked, ended, started
from ftc.augment.question import Ask
from ftc.augmentation.make import AIMS, Make
from ftc.prep.rows import Row

NAME = "restyle"
OTHER = "the question became another one"
NUMBER = "a number that the answer did not have"


def takes(row: Row, make: Make) -> str:
    """Chats of one question and one answer in words."""
    return talk.plain(row, "chat") or talk.single(row)


def make(seeds: Sequence[Seed], make: Make, ask: Ask) -> list[list[Made | Refused]]:
    """Both texts anew in one answer of the model; the question may come back as it was."""

    def values(work: Work) -> dict[str, Any]:
        row = work.seed.row
        told = {"instruction": talk.question(row), "response": talk.answer(row)}
        return aim.values(make) | told

    def take(work: Work, answer: Answer) -> Work | Refused:
        row = work.seed.row
        old = {"request": talk.question(row), "response": talk.answer(row)}
        for name, source in old.items():
            if bad := fixed.fault(work, answer[name], source):
                return bad
            if gone := fixed.lost(fixed.fixed(source), answer[name]):
                return work.refused(fixed.LOST, gone[:200])
        if wording.same(answer["response"], old["response"]):
            return work.refused(wording.ECHO, answer["response"][:200])
        if not wording.kept(old["request"], answer["request"]):
            return work.refused(OTHER, answer["request"][:200])
        if new := fixed.numbers(answer["response"]) - fixed.numbers("\n".join(old.values())):
            return work.refused(NUMBER, min(new))
        return work.knows(**answer)

    def born(work: Work) -> Row:
        said = work.said
        both = (("user", said["request"]), ("assistant", said["response"]))
        turns = talk.headed(work.seed.row, *both)
        style = {axis: getattr(make, axis) for axis in AIMS[NAME] if getattr(make, axis)}
        return fresh.row(work, NAME, turns, extra=talk.own(work.seed.row), how=style)

    return aim.noted(ended(asked(ask, NAME, started(seeds), values, take), born), make)


KIND = Kind(NAME, (NAME,), takes, make, "chat")
