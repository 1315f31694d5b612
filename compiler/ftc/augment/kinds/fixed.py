"""What has to stay as it is when a model words a text anew, and what no text of a model may be."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ftc.augment.kind import Refused
from ftc.augment.kinds.course import Work
from ftc.prep.quality import phrases

EMPTY = "empty answer"
ECHO = "says the same again"
REFUSAL = "the model refuses"
LEAK = "repeats the prompt"
LOST = "a placeholder, a link or code is lost"
SURROGATE = "holds half of a surrogate pair"

_FIXED = re.compile(
    r"\[[A-Z]{2,}_\d+\]"  # a placeholder of redaction
    r"|```.*?```|`[^`\n]+`"
    r"|https?://[^\s<>\"')\]]+|[\w.+-]+@[\w-]+\.\w[\w.-]*",
    re.DOTALL,
)
_TAG = re.compile(  # what the templates of the kinds put around a row's text
    r"</?(?:request|response|draft|context|persona|conversation|passage|evidence|first|second"
    r"|answer|examples?)(?:-\d+)?>"
)
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


def fixed(text: str, names: Iterable[str] = ()) -> list[str]:
    """Placeholders, code, links and addresses in a text, and those of `names` that stand in it."""
    return [*_FIXED.findall(text), *(name for name in names if name in text)]


def numbers(text: str) -> set[str]:
    """The numbers that a text writes in digits."""
    return set(_NUMBER.findall(text))


def lost(parts: Iterable[str], text: str) -> str:
    """The first part that a text does not hold; "" when it holds them all."""
    return next((part for part in parts if part not in text), "")


def same(one: str, other: str) -> bool:
    """Whether two texts have the same words in the same order."""
    return one == other or _words(one) == _words(other)


def repeats(text: str, other: str, share: float = 0.7) -> bool:
    """Whether a text has most of its runs of three words from another one.

    The bound is that of Self-Instruct (0.7, there of ROUGE-L); runs of words are cheaper.
    """
    mine, theirs = _runs(text), _runs(other)
    return same(text, other) or len(mine & theirs) > share * max(len(mine), 1)


def fault(work: Work, text: str, source: str = "") -> Refused | None:
    """What is wrong with any text of a model, whatever the kind; `source` is what it was made of.

    Where the source itself refuses, or holds a prompt's marks, that is no fault.
    """
    if not text:
        return work.refused(EMPTY, failed=True)
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        return work.refused(SURROGATE, failed=True)
    for reason, pattern in (
        (REFUSAL, phrases.compiled("refusal")),
        (REFUSAL, phrases.compiled("machine")),
        (LEAK, _TAG),
    ):
        found = pattern.search(text)
        if found and not pattern.search(source):
            return work.refused(reason, found.group().strip()[:200])
    return None


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _runs(text: str) -> set[tuple[str, ...]]:
    words = _words(text)
    return set(zip(words, words[1:], words[2:], strict=False))
