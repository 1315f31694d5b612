"""Kind "preference": a pair of answers, one made worse on purpose, or two answers ranked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ftc.augment.kind import Kind, Made, Refused, Seed
from ftc.augment.kinds import fixed, fresh, talk, wording
from ftc.augment.kinds.answer import NAME as ANSWER
from ftc.augment.kinds.answer import answered
from ftc.augment.kinds.course import Answer, Work, Works, asked, ended, started
from ftc.augment.question import Ask
from ftc.augmentation import Make
from ftc.prep.rows import Row, identity

NAME = "preference"
FLAW, RANK = "preference-flaw", "preference-rank"
FLAWS = ("wrong", "incomplete", "condition", "vague", "rambling")
UNCLEAR = "neither answer is better in both orders"
EQUAL = "two equal answers"
_OTHER = {"first": "second", "second": "first"}


def takes(row: Row, make: Make) -> str:
    """Chats and preference pairs that end in an answer in words."""
    return talk.plain(row, "chat", "preference")


def make(seeds: Sequence[Seed], make: Make, ask: Ask) -> list[list[Made | Refused]]:
    """One pair a seed; the turns before its answer are the prompt."""
    return _ranked(seeds, make, ask) if make.how == "ranked" else _flawed(seeds, ask)


def flaw(seed: Seed) -> str:
    """Which flaw a seed's answer gets: by the hash of its row, then one after the other."""
    return FLAWS[(int(identity(NAME, seed.row.id), 16) + seed.number) % len(FLAWS)]


def _flawed(seeds: Sequence[Seed], ask: Ask) -> list[list[Made | Refused]]:
    def values(work: Work) -> dict[str, Any]:
        return _prompt(work) | {"response": _answer(work.seed.row), "flaw": flaw(work.seed)}

    def take(work: Work, answer: Answer) -> Work | Refused:
        good, text = _answer(work.seed.row), answer["text"]
        if bad := fixed.fault(work, text, good):
            return bad
        if wording.same(text, good) or wording.same(text, values(work)["request"]):
            return work.refused(wording.ECHO, text[:200])
        return work.knows(rejected=text)

    def born(work: Work) -> Row:
        how = {"how": "flawed", "flaw": flaw(work.seed)}
        return _pair(work, _answer(work.seed.row), work.said["rejected"], FLAW, how)

    return ended(asked(ask, FLAW, started(seeds), values, take), born)


def _ranked(seeds: Sequence[Seed], make: Make, ask: Ask) -> list[list[Made | Refused]]:
    def turns(work: Work) -> talk.Turns:
        return talk.dialogue(work.seed.row, talk.final(work.seed.row))

    def first(work: Work, answer: str) -> Work:
        return work.knows(first=answer)

    def second(work: Work, answer: str) -> Work | Refused:
        if wording.same(answer, work.said["first"]):
            return work.refused(EQUAL, answer[:200])
        return work.knows(second=answer)

    def born(work: Work) -> Row:
        better = work.said["better"]
        good, bad = work.said[better], work.said[_OTHER[better]]
        return _pair(work, good, bad, RANK, {"how": "ranked"})

    works = started(seeds)
    for sample, check in enumerate((first, second)):
        works = answered(ask, works, turns, make, check=check, samples=2, sample=sample)
    for order in (("first", "second"), ("second", "first")):
        works = _verdict(ask, works, order)
    return ended(works, born)


def _verdict(ask: Ask, works: Works, order: tuple[str, str]) -> Works:
    """Which answer is better when they are shown in this order; models like the first one.

    The second verdict has to be the same as the first.
    """

    def values(work: Work) -> dict[str, Any]:
        one, other = (work.said[name] for name in order)
        return _prompt(work) | {"first": one, "second": other}

    def take(work: Work, answer: Answer) -> Work | Refused:
        shown = answer["better"]
        better = dict(zip(("first", "second"), order, strict=True)).get(shown, "")
        if not better or work.said.get("better", better) != better:
            return work.refused(UNCLEAR, answer["reason"][:200])
        return work.knows(better=better)

    return asked(ask, RANK, works, values, take)


def _prompt(work: Work) -> dict[str, Any]:
    row = work.seed.row
    *earlier, (_, request) = talk.dialogue(row, talk.final(row))
    return {
        "persona": talk.system(row),
        "conversation": talk.chat(earlier),
        "request": request,
    }


def _answer(row: Row) -> str:
    return row.turns[talk.final(row)][1]


def _pair(work: Work, chosen: str, rejected: str, prompt: str, how: dict[str, Any]) -> Row:
    row = work.seed.row
    turns = (*row.turns[: talk.final(row)], ("chosen", chosen), ("rejected", rejected))
    extra = talk.own(row)
    return fresh.row(work, NAME, turns, form="preference", prompt=prompt, extra=extra, how=how)


KIND = Kind(NAME, (FLAW, ANSWER, RANK), takes, make, "preference")
