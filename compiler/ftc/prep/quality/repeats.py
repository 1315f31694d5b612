"""Answers that say the same again and again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from ftc.prep.quality.view import Found, View

TIMES = 3  # that a line or phrase stands in an answer; judgment
PHRASE = 4  # words
SHARE = 0.2  # of the phrases of four words that are repetitions; judgment
FEW = 0.04  # share below which nothing is looked at more closely
LEAST = 12  # words
_ASKED = re.compile(
    r"\b(?:repeat|times|lyrics|song|chorus|refrain|mantra|poem|wiederhol|mal|lied|gedicht|"
    r"répèt|fois|chanson|poème|repite|veces|canción|poema)",
    re.IGNORECASE,
)
_FENCE = re.compile(r"```.*?(?:```|$)", re.DOTALL)


def repeated_lines(seen: View) -> Iterator[Found]:
    """A line of three words or more stands in an answer three times."""
    for pair, row in seen.where(r"\n.*\n"):
        text = _FENCE.sub("", seen.said.answers[pair])
        lines = Counter(line.strip() for line in text.split("\n") if line.count(" ") >= 2)
        line, times = lines.most_common(1)[0] if lines else ("", 0)
        if times >= TIMES and not _ASKED.search(seen.said.prompts[pair]):
            yield Found(row, 1.0, f"{times} x {line[:80]!r}")


def repeated_phrases(seen: View) -> Iterator[Found]:
    """Phrases of four words make up much of an answer more than once, or one stands in a row."""
    for pair, row in seen.pairs(seen.judged & (seen.words >= LEAST)):
        text = seen.said.answers[pair]
        words = text.split()
        total = len(words) - PHRASE + 1
        if total < 1:
            continue
        different = len(set(zip(words, words[1:], words[2:], words[3:], strict=False)))
        if total - different <= FEW * total:
            continue
        found = _phrase(_FENCE.sub("", text) if "```" in text else text)
        if found and not _ASKED.search(seen.said.prompts[pair]):
            yield Found(row, 1.0, found)


def _phrase(text: str) -> str:
    """The phrase that is repeated most, when that is too often; "" otherwise."""
    words = text.lower().split()
    grams = Counter(zip(words, words[1:], words[2:], words[3:], strict=False))
    total = sum(grams.values())
    if not total:
        return ""
    phrase, times = grams.most_common(1)[0]
    again = sum(count - 1 for count in grams.values())
    often = times >= TIMES and (again > SHARE * total or _sentences(text) >= TIMES)
    return f"{times} x {' '.join(phrase)[:80]!r}" if often else ""


def _sentences(text: str) -> int:
    """How often the most common sentence of four words or more stands in a text."""
    found = (part.strip().lower() for part in re.split(r"[.!?\n]+", text))
    counts = Counter(part for part in found if part.count(" ") >= PHRASE - 1)
    return max(counts.values(), default=0)
