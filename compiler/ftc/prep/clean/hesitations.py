"""The lists of fillers as patterns, by language; their conditions are in `fillers.toml`."""

# ruff: noqa: RUF001 - marks of print are the subject
from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from ftc.prep.clean import lists

ANY = "any"  # what is a filler in every language, for rows whose language is not known
BEFORE = r"(?<![\w'’\-@#/&¿])"
AFTER = r"(?![\w'’@/&]|-\w|\.\w)"
PAUSE = r"(?:[ \t]*(?:,|\.\.\.|…|--|—|–|-(?=\s)))"


class Marker(NamedTuple):
    """Where a phrase is a filler, and beside which words it is not."""

    at: frozenset[str]  # start, middle, end
    unless_next: frozenset[str]
    unless_before: frozenset[str]


class Patterns(NamedTuple):
    """The lists of one language."""

    gate: str  # RE2: a text without a match has no fillers
    twice: str  # RE2: a text without a match has no phrase twice, and none between equal words
    run: re.Pattern[str]  # sounds and phrases, one after the other
    item: re.Pattern[str]  # one of them: a `sound` or a `phrase`
    markers: dict[str, Marker]  # by phrase, in lower case
    again: re.Pattern[str] | None  # a phrase once more: "like, like"
    through: re.Pattern[str] | None


def languages() -> list[str]:
    """All languages with a list of their own."""
    return [name for name in lists.read("fillers") if name != ANY]


@cache
def patterns(language: str, extra: tuple[str, ...] = (), kept: tuple[str, ...] = ()) -> Patterns:
    """The lists of a language, with words of the user's own added (`extra`) or taken out."""
    known = lists.read("fillers")
    found = known.get(language, known[ANY])
    left = {word.lower() for word in kept}
    markers = {
        word.lower(): Marker(
            frozenset(marker["at"]),
            frozenset(marker.get("unless_next", ())),
            frozenset(marker.get("unless_before", ())),
        )
        for marker in found.get("markers", ())
        for word in marker["words"]
        if word.lower() not in left
    }
    through = [word for word in found.get("through", ()) if word.lower() not in left]
    sounds = [*found["sounds"], *(re.escape(word) for word in extra)]
    spared = rf"(?!(?:{either(kept)}){AFTER})" if kept else ""
    item = rf"(?:(?P<sound>{spared}(?:{'|'.join(sounds)}))|(?P<phrase>{either(markers) or '(?!)'}))"
    bare = re.sub(r"\?P<\w+>", "?:", item)
    words = [*found["sounds"], *map(plain, extra), *map(plain, markers), *map(plain, through)]
    return Patterns(
        gate=rf"(?i)(?:^|[^\pL\pN])(?:{'|'.join(words)})(?:[^\pL\pN]|$)",
        twice=_twice(
            map(plain, markers), map(plain, through), map(plain, found.get("repeats", ()))
        ),
        run=re.compile(rf"{BEFORE}{bare}{AFTER}(?:{PAUSE}?[ \t]+{bare}{AFTER})*", re.I),
        item=re.compile(f"{BEFORE}{item}{AFTER}", re.I),
        markers=markers,
        again=_again(markers) if markers else None,
        through=_through(through, found["repeats"]) if through else None,
    )


def either(words: Iterable[str]) -> str:
    """Words as alternatives of a pattern, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))


def _twice(markers: Iterable[str], through: Iterable[str], repeats: Iterable[str]) -> str:
    phrases, between, words = ("|".join(some) or "\x00" for some in (markers, through, repeats))
    return (
        rf"(?i)(?:^|[^\pL\pN])(?:(?:{phrases}),\s+(?:{phrases})"
        rf"|(?:{words}),?\s+(?:{between}),?\s)"
    )


def plain(word: str) -> str:
    """A word as an RE2 pattern, which knows no escaped space or letter."""
    return re.sub(r"([^\w\s])", r"\\\1", word)


def _again(markers: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"{BEFORE}(?P<phrase>{either(markers)})(?:,[ \t]+(?P=phrase))+{AFTER}", re.I)


def _through(words: list[str], repeats: list[str]) -> re.Pattern[str]:
    return re.compile(
        rf"{BEFORE}(?P<word>{either(repeats)}),?[ \t]+(?:(?:{either(words)}),?[ \t]+)+"
        rf"(?P=word){AFTER}",
        re.I,
    )
