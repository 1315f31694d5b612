"""Answers in another language than the recipe's, where nobody asked for one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ftc.prep.quality import phrases
from ftc.prep.quality.view import Found, View

LEAST = 12  # words below which a text tells no language for certain; judgment
LEAD = 2.0  # times as many common words as the expected language has; judgment
SHARE = 0.15  # of the words that have to be common ones of the other language; judgment
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
KINDS = 4  # different common words that a language shows; judgment
FAST, SLOW = 160, 600  # characters of an answer that are looked at, first and when in doubt
_ASKED = 4000  # characters of what is asked that are looked through


def wrong_language(seen: View) -> Iterator[Found]:
    """An answer is in another language than `prepare.language`.

    Told by its common words in seven languages; for other languages by what the cleaning step
    noted. A prompt that names a language, or a translation, may have an answer in any.
    """
    expected = seen.inputs.prepare.language
    if expected is None:
        return
    known = phrases.words("common")
    for pair, row in seen.pairs(seen.judged & (seen.words >= LEAST)):
        if expected in known:
            found = _other(seen.said.answers[pair], expected)
        else:
            noted = seen.notes[row].get("language", expected)
            found = noted if noted != expected else ""
        if found and not _asked_for(seen, pair, row):
            yield Found(row, 1.0, f"{found}, not {expected}")


def _other(text: str, expected: str) -> str:
    """The language whose common words stand out in a text; "" for the expected one or none."""
    known = phrases.words("common")
    start = text[:FAST].lower().split()
    if sum(map(known[expected].__contains__, start)) > SHARE * len(start):
        return ""
    words = [word for word in _WORD.findall(text[:SLOW].lower()) if len(word) > 1]
    if len(words) < LEAST:
        return ""
    own = sum(map(known[expected].__contains__, words))
    if own > SHARE * len(words):
        return ""
    best, count = "", 0
    seen = set(words)
    for language, common in known.items():
        shared = sum(map(common.__contains__, words))
        if shared > count and len(seen & common) >= KINDS:
            best, count = language, shared
    clear = count >= SHARE * len(words) and count > LEAD * own
    return best if best != expected and clear else ""


def _asked_for(seen: View, pair: int, row: int) -> bool:
    if seen.tasks[row] == "translate":
        return True
    start, _ = seen.said.spans[row]
    first = seen.said.said[start] if seen.said.roles[start] == "system" else ""
    asked = f"{first}\n{seen.said.instructions[row]}\n{seen.said.prompts[pair]}"
    return bool(phrases.compiled("named").search(asked[:_ASKED]))
