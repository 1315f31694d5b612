"""How texts of a model are worded: whether they say the same as others, or what a prompt says."""

from __future__ import annotations

import re
from functools import cache

from ftc import resources

ECHO = "says the same again"
LEAK = "repeats the prompt"
SHORT = "no question, a word or two"

_WORD = re.compile(r"\w+")
_JINJA = re.compile(r"\{([#%{]).*?[#%}]\}", re.DOTALL)


def same(one: str, other: str) -> bool:
    """Whether two texts have the same words in the same order."""
    words = _words(one)
    return one == other or (bool(words) and words == _words(other))


def repeats(text: str, other: str, share: float = 0.7) -> bool:
    """Whether a text has most of its runs of three words from another one.

    The bound is that of Self-Instruct (0.7, there of ROUGE-L); runs of words are cheaper.
    """
    mine, theirs = _runs(text), _runs(other)
    return same(text, other) or len(mine & theirs) > share * max(len(mine), 1)


def kept(old: str, text: str) -> bool:
    """Whether a fifth of a text's words is in another one: that it is the same one, changed."""
    words = set(_words(old))
    return len(words & set(_words(text))) >= len(words) / 5


def short(text: str) -> bool:
    """Whether a text in Latin letters has too few words to ask something."""
    return text.isascii() and len(_words(text)) < 3


def recited(prompt: str, text: str) -> bool:
    """Whether a text is made of the orders of a prompt: more than half of its runs of three words,
    or all of it. Only ftc's own templates are known here."""
    mine, theirs = _runs(text), _orders(prompt)
    return len(mine & theirs) > len(mine) / 2


@cache
def _orders(prompt: str) -> frozenset[tuple[str, ...]]:
    """Runs of three words in what a template says, without its values."""
    path = resources.folder("templates") / "augment" / f"{prompt}.jinja"
    text = path.read_text("utf-8") if path.is_file() else ""
    return frozenset(_runs(_JINJA.sub(" ", text)))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _runs(text: str) -> set[tuple[str, ...]]:
    words = _words(text)
    return set(zip(words, words[1:], words[2:], strict=False))
