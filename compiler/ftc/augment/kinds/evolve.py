"""Kind "evolve": a harder or a broader variant of a question, and its answer.

Evol-Instruct: WizardLM, arXiv 2304.12244; the operations are those of its figures, in our words.
"""

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
from ftc.prep.rows import Row, identity

NAME = "evolve"
HARDER = ("constraint", "depth", "concrete", "steps", "input")
BROADER = ("breadth",)


def takes(row: Row, make: Make) -> str:
    """Chats without tools, of which the first question is taken."""
    return talk.plain(row, "chat") or ("has tools" if row.extra.get("tools") else "")


def make(seeds: Sequence[Seed], make: Make, ask: Ask) -> list[list[Made | Refused]]:
    """A new question a seed, then its answer; the seed's answer is not shown."""

    def values(work: Work) -> dict[str, Any]:
        told = {"operation": operation(work.seed, make), "persona": talk.system(work.seed.row)}
        return aim.values(make) | told | {"instruction": talk.question(work.seed.row)}

    def take(work: Work, answer: Answer) -> Work | Refused:
        old, text = talk.question(work.seed.row), answer["text"]
        if bad := fixed.fault(work, text, old):
            return bad
        if wording.same(text, old):
            return work.refused(wording.ECHO, text[:200])
        if wording.short(text):
            return work.refused(wording.SHORT, text)
        return work.knows(instruction=text)

    def question(work: Work) -> talk.Turns:
        return (("user", work.said["instruction"]),)

    def born(work: Work) -> Row:
        both = (*question(work), ("assistant", work.said["answer"]))
        how = {"operation": operation(work.seed, make)}
        return fresh.row(work, NAME, talk.headed(work.seed.row, *both), how=how)

    works = asked(ask, NAME, started(seeds), values, take)
    return aim.noted(ended(answered(ask, works, question, make), born), make)


def operation(seed: Seed, make: Make) -> str:
    """Which way a seed is evolved: by the hash of its row, then one after the other."""
    known = BROADER if make.how == "broader" else HARDER
    return known[(int(identity(NAME, seed.row.id), 16) + seed.number) % len(known)]


KIND = Kind(NAME, (NAME, ANSWER), takes, make, "chat")
