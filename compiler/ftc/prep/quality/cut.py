"""Answers that stop before they are finished."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from ftc.prep.diversity.measures import counted, having
from ftc.prep.quality import phrases
from ftc.prep.quality.view import Found, Truths, View

END = (
    r"(?:[.!?…)\]}>\"'»*_`~|%]|"
    r"[\x{2018}\x{2019}\x{201C}\x{201D}\x{203A}\x{3002}\x{FF01}\x{FF1F}\x{61F}\x{964}\x{965}]|"
    r"[\x{1F300}-\x{1FAFF}\x{2600}-\x{27BF}\x{FE0F}]|[:;]-?[)DP])\s*$"
)
LOOSE = r"(?:https?://\S+|[#@]\w+|\w+@[\w.]+|\d)\s*$"  # ends that are no sentence, but no cut
PROSE_WORDS = 8  # from which an answer is expected to end as a sentence does; judgment
MOSTLY = 0.8  # share of such answers that end so, from which one that does not is odd; judgment
_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*\W*$")
_LINE = re.compile(r"\s*(?:[-*•#|>]|\d+[.)])")
_CODE = re.compile(
    r"[{}]|;\n|\w\(\w+[,)=]|\w (?:[-+*:]|::)?= ?\S|^(?:    |\t|>>> |\$ |//|#include )|"
    r"^(?:def|return|SELECT|INSERT INTO) ",
    re.MULTILINE,
)
_SENTENCE = re.compile(r"[.!?…]\s")
_OPENERS, _CLOSERS = "([{“«", ")]}”»"


def ended(answers: pa.Array) -> Truths:
    """Which answers end as a sentence, a code block or a list of links may end."""
    return having(answers, END) | having(answers, LOOSE)


def prose(seen: View) -> Truths:
    """Which answers are long enough to be sentences, and no code."""
    return np.asarray((seen.words >= PROSE_WORDS) & ~having(seen.answers, "```", cased=True))


def cut_answer(seen: View) -> Iterator[Found]:
    """An answer ends in the middle of a sentence, or leaves a code fence or a bracket open."""
    fences = having(seen.answers, "```", cased=True)
    fences[fences] = counted(seen.answers.filter(pa.array(fences)), "```") % 2 == 1
    usual = seen.decision is not None and seen.decision.ends >= MOSTLY
    for pair, row in seen.pairs((fences | ~ended(seen.answers)) & seen.judged):
        if fences[pair]:
            yield Found(row, 1.0, "a code fence is not closed")
            continue
        found = _unended(seen.said.answers[pair].rstrip(), usual and seen.tasks[row] != "code")
        if found:
            yield Found(row, *found)


def _unended(text: str, usual: bool) -> tuple[float, str] | None:
    """How sure it is that a text without an end was cut, and why; `usual`: others do have one."""
    if text.endswith("```") or not text:
        return None
    tail = text[-40:].lstrip()
    line = text[text.rfind("\n") + 1 :]
    count = len(text.split())
    code = bool(_CODE.search(text))
    if not any(map(str.isalnum, line)) or (code and text[-1] in ";,"):
        return None
    if count >= 4 and text[-1] in ",:;-–—(“«[{/&":
        return 1.0, f"ends in {text[-1]!r}"
    last = _WORD.search(text[-60:])
    if count >= 4 and last and last.group().lower() in phrases.all_words("unfinished"):
        return 1.0, f"ends in {last.group()!r}"
    if count >= 4 and _open(text):
        return 1.0, f"a bracket is not closed: {tail!r}"
    if code or not usual or _LINE.match(line):
        return None
    alone = "\n" in text and len(line.split()) < PROSE_WORDS
    if not alone and (count >= PROSE_WORDS or _SENTENCE.search(text)):
        return 0.7, f"no end of a sentence: {tail!r}"
    return None


def _open(text: str) -> bool:
    """Whether the last bracket that was opened is not closed."""
    opened = max(text.rfind(mark) for mark in _OPENERS)
    closed = max(text.rfind(mark) for mark in _CLOSERS)
    return opened > closed and text[opened - 1 : opened] not in (":", ";", "-")
