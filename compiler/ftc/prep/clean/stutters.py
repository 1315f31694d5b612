"""Stutters: small words said twice, words begun twice, a sentence begun twice.

Only words that never stand twice with reason are counted; "had had", "that that" and content
words ("very very", "bye bye") stay.
"""

# ruff: noqa: RUF001 - marks of print are the subject
from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from ftc.prep.clean import lists
from ftc.prep.clean.hesitations import ANY, either, plain

_BEFORE = r"(?<![\w'’\-./@#&])"
_AFTER = r"(?![\w'’]|-\w)"
_APART = r"(?:(?:,|\.\.\.|…|[ \t]*—|[ \t]*–|-)?[ \t]+|-|—)"

_CONSONANTS = "bcdfghjklmnpqrstvwxyzßñç"


class Stutters(NamedTuple):
    """Patterns of one language, each with an RE2 pattern that matches wherever it might.

    Separators are spelled out in those: negated classes of letters are 80 times slower.
    """

    twice: re.Pattern[str]
    twice_gate: str
    pairs: re.Pattern[str]
    pairs_gate: str
    begun: re.Pattern[str]
    begun_gate: str
    known: frozenset[str]  # words that `begun` may be the beginning of


@cache
def patterns(language: str, kept: tuple[str, ...] = ()) -> Stutters | None:
    """The patterns of a language; None when there is no list for it."""
    found = lists.read("fillers").get(language)
    if found is None or language == ANY:
        return None
    left = {word.casefold() for word in kept}
    words = [word for word in found["repeats"] if word.casefold() not in left]
    doubled = "|".join(rf"{plain(w)}[ ,.…—–-]+{plain(w)}" for w in words)
    paired = "|".join(rf"{w} \w+(?:,|…|\.+)? {w} " for w in found["restarts"])
    return Stutters(
        twice_gate=rf"(?i)(?:^|[^a-z])(?:{doubled})(?:[^a-z]|$)",
        pairs_gate=rf"(?i)(?:^|[^a-z])(?:{paired})",
        begun_gate="(?i)(?:^|[^a-z])(?:"
        + "|".join(f"{c}[a-z]?[a-z]?-{c}" for c in _CONSONANTS)
        + ")",
        twice=re.compile(
            rf"{_BEFORE}(?P<word>{either(words)})(?:{_APART}(?P=word))+{_AFTER}", re.I
        ),
        pairs=re.compile(
            rf"{_BEFORE}(?P<pair>(?:{either(found['restarts'])})[ \t]+[\w'’]+)"
            rf"(?:,|\.\.\.|…)?[ \t]+(?P=pair){_AFTER}",
            re.I,
        ),
        begun=re.compile(
            rf"{_BEFORE}(?P<part>[^\W\d_aeiou]{{1,3}})-(?:(?P=part)-)*(?P<whole>(?P=part)[\w'’]+)"
            rf"(?!-)",
            re.I,
        ),
        known=frozenset(words) | frozenset(found.get("begun", ())),
    )


def begun(text: str, found: Stutters) -> str:
    """`th-the w-way` is `the way`."""
    return found.begun.sub(lambda match: _whole(match, found.known), text)


def twice(text: str, found: Stutters) -> str:
    """`the the way` is `the way`."""
    return found.twice.sub(_once, text)


def pairs(text: str, found: Stutters) -> str:
    """`I think I think` is `I think`."""
    return found.pairs.sub(r"\g<pair>", text)


def _once(match: re.Match[str]) -> str:
    word = match["word"]
    first, rest = word, match.group()[len(word) :]
    if len(word) == 1 and word.isupper() and word != "I" and not _sentence_start(match):
        return match.group()  # "vitamin A a day", "grades A, A and B"
    if len(word) > 1 and word.isupper() != rest.strip(" ,.-–—…\t").isupper():
        return match.group()  # "IT it", "US us"
    return first


def _sentence_start(match: re.Match[str]) -> bool:
    before = match.string[: match.start()].rstrip()
    return not before or before[-1] in '.!?:…\n"“'


def _whole(match: re.Match[str], known: frozenset[str]) -> str:
    whole = match["whole"]
    if whole.casefold() not in known:
        return match.group()
    return whole[0].upper() + whole[1:] if match["part"][0].isupper() else whole
