"""Kind "paraphrase": a question, or what it is about, in other words; the answer stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ftc.augment.kind import Kind, Made, Refused, Seed
from ftc.augment.kinds import aim, fixed, fresh, talk, wording
from ftc.augment.kinds.course import Answer, Work, asked, ended, started
from ftc.augment.question import Ask
from ftc.augmentation import Make
from ftc.prep.canonical import ANSWERS
from ftc.prep.rows import Row

NAME = "paraphrase"
NUMBER = "a number that the answer rests on is lost"
SIZE = "far shorter or longer than what it says again"
TIMES = 2.5  # as long at most, or as short; judgment
SLACK = 30  # characters added to both lengths, for those of a few words; judgment
ARGUMENT = "a name that a tool call rests on is lost"


def takes(row: Row, make: Make) -> str:
    """Chats with and without tools, preference pairs and rated answers."""
    if reason := talk.wrong_form(row, "chat", "preference", "kto"):
        return reason
    if not talk.question(row).strip():
        return "no question"
    if make.part == "input" and not _parts(row)[1].strip():
        return "no input below its instruction"
    return ""


def make(seeds: Sequence[Seed], make: Make, ask: Ask) -> list[list[Made | Refused]]:
    """One question a seed; what it must not lose is looked for in the new words."""
    second = make.part == "input"

    def values(work: Work) -> dict[str, Any]:
        instruction, below = _parts(work.seed.row)
        said, around = (below, instruction) if second else (instruction, below)
        return aim.values(make) | {"part": make.part or "instruction", "text": said, "rest": around}

    def take(work: Work, answer: Answer) -> Work | Refused:
        row, text = work.seed.row, answer["text"]
        old = _parts(row)[second]
        if bad := fixed.fault(work, text, old):
            return bad
        if wording.same(text, old):
            return work.refused(wording.ECHO, text[:200])
        if not 1 / TIMES < _size(text) / _size(old) < TIMES:
            return work.refused(SIZE, text[:200])
        for reason, parts in _kept(row, old):
            if gone := fixed.lost(parts, text):
                return work.refused(reason, gone[:200])
        return work.knows(text=text)

    def born(work: Work) -> Row:
        row = work.seed.row
        instruction, below = _parts(row)
        both = (instruction, work.said["text"]) if second else (work.said["text"], below)
        turns = talk.exchanged(row, "user", "\n".join(part for part in both if part))
        how = {"part": make.part or "instruction"}
        return fresh.row(work, NAME, turns, form=row.form, extra=talk.own(row), how=how)

    return ended(asked(ask, NAME, started(seeds), values, take), born)


def _parts(row: Row) -> tuple[str, str]:
    """The first line of the question and what stands below it, as `ftc.data` joins the two."""
    instruction, _, below = talk.question(row).partition("\n")
    return instruction, below


def _size(text: str) -> int:
    return len(text) + SLACK


def _kept(row: Row, old: str) -> Iterator[tuple[str, list[str]]]:
    """What the new words must hold, and why."""
    yield fixed.LOST, fixed.fixed(old)
    answers = "\n".join(said for role, said in row.turns if role in ("assistant", *ANSWERS))
    yield NUMBER, sorted(fixed.numbers(old) & fixed.numbers(answers))
    yield ARGUMENT, [word for word in talk.arguments(row) if word in old]


KIND = Kind(NAME, (NAME,), takes, make)
