"""Kind "self-instruct": a new task from several seed tasks, and its answer.

Self-Instruct, arXiv 2212.10560. Tasks with a fixed set of labels are made output first, as there:
a label is chosen, then an input that has it, so that the labels come out even.
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

NAME = "self-instruct"
INPUT = "self-instruct-input"
ALIKE = "too much like an example"
SHOWN = 600  # characters of an example that are shown; judgment


def takes(row: Row, make: Make) -> str:
    """Rows that ask something without tools; their answers are not shown."""
    if reason := talk.wrong_form(row, "chat", "preference", "kto"):
        return reason
    if not talk.question(row).strip():
        return "no question"
    return "has tools" if row.extra.get("tools") or row.extra.get("tool_calls") else ""


def make(seeds: Sequence[Seed], make: Make, ask: Ask) -> list[list[Made | Refused]]:
    """One new task for each seed and the others that are shown with it."""

    def shown(work: Work) -> list[Row]:
        return [row for row in work.seed.others if not takes(row, make)]

    def examples(work: Work) -> list[str]:
        return [talk.question(row) for row in (work.seed.row, *shown(work))]

    def values(work: Work) -> dict[str, Any]:
        told = {"persona": talk.system(work.seed.row)}
        return aim.values(make) | told | {"examples": [text[:SHOWN] for text in examples(work)]}

    def take(work: Work, answer: Answer) -> Work | Refused:
        text = answer["instruction"]
        if bad := fixed.fault(work, text, "\n".join(examples(work))):
            return bad
        if wording.short(text):
            return work.refused(wording.SHORT, text)
        for example in examples(work):
            if wording.repeats(text, example):
                return work.refused(ALIKE, text[:200])
        return work.knows(instruction=text, label=label(work.seed, text, answer["labels"]))

    def about(work: Work) -> dict[str, Any]:
        return {"instruction": work.said["instruction"], "label": work.said["label"]}

    def given(work: Work, answer: Answer) -> Work | Refused:
        text = answer["text"]
        if bad := fixed.fault(work, text):
            return bad
        if wording.same(text, work.said["label"]) or wording.same(text, work.said["instruction"]):
            return work.refused(wording.ECHO, text[:200])
        return work.knows(input=text, answer=work.said["label"])

    def question(work: Work) -> talk.Turns:
        parts = (work.said["instruction"], work.said.get("input", ""))
        return (("user", "\n".join(part for part in parts if part)),)

    def born(work: Work) -> Row:
        both = (*question(work), ("assistant", work.said["answer"]))
        how = {"label": work.said["label"]} if work.said["label"] else {}
        turns = talk.headed(work.seed.row, *both)
        return fresh.row(work, NAME, turns, shown=shown(work), how=how)

    works = asked(ask, NAME, started(seeds), values, take)
    works = asked(ask, INPUT, works, about, given, where=lambda work: bool(work.said["label"]))
    works = answered(ask, works, question, make, where=lambda work: not work.said["label"])
    return aim.noted(ended(works, born), make)


def label(seed: Seed, instruction: str, labels: Sequence[str]) -> str:
    """The label that the new row gets, "" for a task without labels.

    Labels are those that the instruction itself names; one of them alone decides nothing.
    """
    folded = instruction.casefold()
    known = list(dict.fromkeys(name.strip() for name in labels))
    named = [name for name in known if name and name.casefold() in folded]
    if len(named) < 2 or len(named) < len(known):
        return ""
    return named[(int(identity(NAME, seed.row.id), 16) + seed.number) % len(named)]


KIND = Kind(NAME, (NAME, INPUT, ANSWER), takes, make, "chat")
