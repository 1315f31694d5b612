"""Which task an instruction sets, told by its own words."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

_SAID = tomllib.loads(Path(__file__).with_name("tasks.toml").read_text("utf-8"))


def _by_word(table: str) -> dict[str, str]:
    """The task of each word; of a word that stands twice, the first one."""
    tasks = reversed(_SAID[table].items())
    return {word: task for task, words in tasks for word in words}


TASKS = (
    "summarise",
    "write",
    "extract",
    "classify",
    "qa",
    "rewrite",
    "translate",
    "code",
    "reason",
    "brainstorm",
    "explain",
    "chat",
)
DOCUMENT = "text"  # of rows that ask nothing
VERBS, NOUNS = _by_word("verbs"), _by_word("nouns")
QUESTIONS = frozenset(_SAID["questions"]["words"])
OBJECTS = frozenset(_SAID["objects"])
_LEADS = frozenset(_SAID["leads"])
_PAIRS = frozenset(_SAID["pairs"])
_WEAK = frozenset(_SAID["weak"])
_OPEN = frozenset(_SAID["open"])
_TOKEN = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*|[.!?:\n]")
_HEAD, _TAIL = 240, 120  # characters of an instruction that are looked at
_LABEL = 3  # words that may stand before a colon, as in "Your task:"
_WISHES = ("want", "need", "would")
_OBJECT = 9  # words after a verb in which its object is looked for
_SUM = re.compile(r"\d\s*[+*×÷=^]\s*\d|\d [-/] \d|\b\d+ ?% of\b|\\frac|\\int")


def task(instruction: str) -> str:
    """One of `TASKS`, by the first verb that starts a sentence, its object, or a question."""
    if not instruction.strip():
        return DOCUMENT
    window = instruction
    if len(instruction) > _HEAD + _TAIL:
        window = instruction[:_HEAD] + "\n" + instruction[-_TAIL:]
    words = [word.replace("\u2019", "'") for word in _TOKEN.findall(window.lower())]
    found, at = _verb(words)
    if found in _OPEN:
        found = _noun(words[at + 1 : at + 1 + _OBJECT]) or found
    elif not found:
        found = _noun([word for word in words[: 2 * _OBJECT] if word not in _WEAK])
    if not found and "```" in instruction:
        found = "code"
    if found:
        return found
    if "?" in words or (words and words[0] in QUESTIONS):
        return "reason" if _SUM.search(window) else "qa"
    return "reason" if _SUM.search(window) else "chat"


def _verb(words: list[str]) -> tuple[str, int]:
    """The task of the first verb that starts a sentence, and where that verb is; "" for none."""
    fresh = True
    for at, word in enumerate(words):
        after = words[at + 1] if at + 1 < len(words) else ""
        if not word[0].isalpha():
            fresh = word != ":" or at < _LABEL
        elif fresh:
            if word in VERBS and after != ":":
                return VERBS[word], at
            if f"{word} {after}" in _PAIRS:
                return "write", at
            fresh = word in _LEADS and (word != "i" or after in _WISHES)
    return "", -1


def _noun(words: list[str]) -> str:
    for word in words:
        if word in NOUNS:
            return NOUNS[word]
    return ""
