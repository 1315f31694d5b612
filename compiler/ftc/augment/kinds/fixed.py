"""What has to stay as it is when a model words a text anew, and what no text of a model may be."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ftc.augment.kind import Refused
from ftc.augment.kinds.course import Work
from ftc.augment.kinds.wording import LEAK
from ftc.prep.quality import phrases

EMPTY = "empty answer"
REFUSAL = "the model refuses"
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
    r"|answer|example|text)(?:-\d+)?>"
)
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


def fixed(text: str, names: Iterable[str] = ()) -> list[str]:
    """Placeholders, code, links and addresses in a text, and those of `names` that stand in it."""
    return [*_FIXED.findall(text), *(name for name in names if name in text)]


def rest(text: str) -> str:
    """A text without what `fixed` finds in it."""
    return _FIXED.sub(" ", text)


def numbers(text: str) -> set[str]:
    """The numbers that a text writes in digits."""
    return set(_NUMBER.findall(text))


def lost(parts: Iterable[str], text: str) -> str:
    """The first part that a text does not hold; "" when it holds them all."""
    return next((part for part in parts if part not in text), "")


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
