"""Texts in the wrong place: the instruction in the answer, prompt and answer exchanged."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from ftc.prep.diversity.task import OBJECTS, QUESTIONS, VERBS
from ftc.prep.quality.view import Found, View

AT_START = 4  # words that an instruction needs to be seen at the start of an answer; judgment
ANYWHERE = 7  # and within it
ANSWER_LIKE = 12  # words from which a statement is more like an answer than like a prompt
_PARTS = re.compile(r"[^\n]+")
_WORD = re.compile(r"\w+(?:['\u2019-]\w+)*")
_FIRST_PERSON = re.compile(
    r"\b(?:(?-i:I)|my|me|we|our|please|you|your|ich|mein\w*|wir|bitte|je|j'ai|mon|ma|nous|"
    r"quiero|mi|por favor)\b",
    re.IGNORECASE,
)
_LEADS = ("please", "can you", "could you", "bitte", "kannst du", "peux-tu", "por favor", "puedes")


def instruction_echoed(seen: View) -> Iterator[Found]:
    """An answer repeats what was asked, at its start or as a whole sentence in it."""
    for pair, row in seen.pairs(seen.judged):
        prompt, answer = seen.said.prompts[pair], seen.said.answers[pair]
        first = _PARTS.match(prompt.lstrip())
        line = first.group().strip().casefold() if first else ""
        if len(line) < 2 * AT_START or line[:12] not in answer.casefold():
            continue
        asked, said = _flat(line), _flat(answer)
        count = asked.count(" ") + 1
        at = said.find(asked)
        if at < 0 or count < AT_START:
            continue
        if at < 30 or count >= ANYWHERE:
            yield Found(row, 1.0, f"{line[:100]!r}")


def wrong_column(seen: View) -> Iterator[Found]:
    """The answer is a question or an instruction and the prompt is none, but a statement."""
    turns = np.bincount(seen.said.owners, minlength=len(seen.said.lasts))
    alone = turns[seen.said.owners] == 1
    for pair, row in seen.pairs(seen.judged & alone & (seen.words <= 60)):
        prompt, answer = seen.said.prompts[pair].strip(), seen.said.answers[pair].strip()
        asks = _asks(answer)
        if not asks or prompt.endswith("?") or _instructs(prompt):
            continue
        long = prompt.count(" ") + 1
        longer = long > answer.count(" ") + 1
        told = asks == "instruction" or not _FIRST_PERSON.search(prompt)
        if long >= ANSWER_LIKE and longer and told:
            yield Found(row, 1.0, f"the answer is {_ARTICLE[asks]}: {answer[:80]!r}")


_ARTICLE = {"question": "a question", "instruction": "an instruction"}


def _asks(text: str) -> str:
    """ "question", "instruction" or ""."""
    if text.endswith("?") and _first(text) in QUESTIONS and len(re.findall(r"[.!?]\s", text)) < 2:
        return "question"
    return "instruction" if _instructs(text) else ""


def _instructs(text: str) -> bool:
    """Whether a text begins as an instruction does, and is no heading or list."""
    lower = text[:80].lower()
    for lead in _LEADS:
        if lower.startswith(lead):
            return True
    words = _WORD.findall(lower)
    follows = len(words) > 1 and words[1] in OBJECTS
    return bool(words) and words[0] in VERBS and follows


def _first(text: str) -> str:
    found = _WORD.search(text)
    return found.group().lower() if found else ""


def _flat(text: str) -> str:
    """Words with one space between them."""
    return " ".join(_WORD.findall(text.casefold()))
