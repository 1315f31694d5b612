"""Kind "translate": a whole row in another language, turn by turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ftc.augment.kind import Kind, Made, Refused, Seed
from ftc.augment.kinds import fixed, fresh, talk, wording
from ftc.augment.kinds.course import Answer, Work, Works, asked, ended, started
from ftc.augment.question import Ask
from ftc.augmentation import Make
from ftc.prep.clean.language import identified
from ftc.prep.rows import Row

NAME = "translate"
OTHER = "not in the language asked for"
NAMES = "a name of a tool, or one that it is called with, is lost"
LETTERS = 60  # of a text that tell its language; judgment
CERTAIN = 0.9  # probability from which another language counts; judgment
ALIKE = 4  # words from which a text in another language reads otherwise; judgment
BEFORE = 300  # characters of the turn before that are shown; judgment
CODES = {  # names of languages as recipes may have them; of others only the code is known
    "arabic": "ar",
    "chinese": "zh",
    "czech": "cs",
    "danish": "da",
    "dutch": "nl",
    "english": "en",
    "finnish": "fi",
    "french": "fr",
    "german": "de",
    "greek": "el",
    "hindi": "hi",
    "hungarian": "hu",
    "italian": "it",
    "japanese": "ja",
    "korean": "ko",
    "polish": "pl",
    "portuguese": "pt",
    "romanian": "ro",
    "russian": "ru",
    "spanish": "es",
    "swedish": "sv",
    "turkish": "tr",
    "ukrainian": "uk",
}
CLOSE = ({"da", "nb", "nn", "no"}, {"bs", "hr", "sr"}, {"id", "ms"}, {"gl", "pt"})  # told badly


def takes(row: Row, make: Make) -> str:
    """Rows of every form that says something; raw chunks are not rows yet."""
    if reason := talk.wrong_form(row, "chat", "text", "preference", "kto"):
        return reason
    return "" if any(_worded(row, at) for at in range(len(row.turns))) else "no text"


def make(seeds: Sequence[Seed], make: Make, ask: Ask) -> list[list[Made | Refused]]:
    """A question for each turn; calls of tools and what they return stay as they are."""

    def born(work: Work) -> Row:
        row, how = work.seed.row, {"language": make.language}
        turns = work.said["turns"]
        return fresh.row(work, NAME, turns, form=row.form, extra=talk.own(row), how=how)

    works = started(seeds)
    for at in range(max((len(seed.row.turns) for seed in seeds), default=0)):
        works = _turn(ask, works, at, str(make.language))
    return ended(works, born)


def _turn(ask: Ask, works: Works, at: int, language: str) -> Works:
    """The stage that translates one turn of all rows that have it."""

    def values(work: Work) -> dict[str, Any]:
        turns = work.seed.row.turns
        before = turns[at - 1][1][-BEFORE:] if at else ""
        return {"language": language, "text": turns[at][1], "before": before}

    def take(work: Work, answer: Answer) -> Work | Refused:
        row, text = work.seed.row, answer["text"]
        role, old = row.turns[at]
        turns = work.said.get("turns", row.turns)
        bad = _fault(work, text, old, language)
        return bad or work.knows(turns=(*turns[:at], (role, text), *turns[at + 1 :]))

    def here(work: Work) -> bool:
        return _worded(work.seed.row, at)

    return asked(ask, NAME, works, values, take, where=here)


def code(language: str) -> str:
    """The code of a language by name or code, "" when it is not known."""
    name = language.casefold().strip()
    return CODES.get(name, name[:2] if len(name) == 2 or name[2:3] in ("-", "_") else "")


def _worded(row: Row, at: int) -> bool:
    """Whether a turn is there and holds words that a person or a model wrote."""
    return at < len(row.turns) and row.turns[at][0] != "tool" and bool(row.turns[at][1].strip())


def _fault(work: Work, text: str, old: str, language: str) -> Refused | None:
    if bad := fixed.fault(work, text, old):
        return bad
    if wording.same(text, language):
        return work.refused(wording.LEAK, text)
    for reason, parts in (
        (fixed.LOST, fixed.fixed(old)),
        (NAMES, [name for name in talk.names(work.seed.row) if name in old]),
    ):
        if gone := fixed.lost(parts, text):
            return work.refused(reason, gone[:200])
    if len(old.split()) >= ALIKE and wording.repeats(fixed.rest(text), fixed.rest(old)):
        return work.refused(wording.ECHO, text[:200])
    if found := _other(text, code(language)):
        return work.refused(OTHER, f"{found}: {text[:200]}")
    return None


def _other(text: str, wanted: str) -> str:
    """The language of a text where it is certainly not the wanted one, else ""."""
    found, probability = identified(text, LETTERS)
    near = any({found, wanted} <= codes for codes in CLOSE)
    sure = bool(wanted) and probability >= CERTAIN
    return found if sure and found != wanted and not near else ""


KIND = Kind(NAME, (NAME,), takes, make)
