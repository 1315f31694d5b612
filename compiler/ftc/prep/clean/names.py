"""Names of speakers: what looks like one, and one spelling for each within a row."""

# ruff: noqa: RUF001 - marks of print are the subject
from __future__ import annotations

import re
from functools import cache

from ftc.prep.clean import lists

_WORD = re.compile(r"[^\W\d_][\w.'’\-]*\Z")
_NUMBERED = re.compile(
    r"(?P<role>[^\W\d_][^\d_]*?)[ _\-#]*(?P<number>\d{1,3}|(?<=[ _\-])[A-Za-z])\Z"
)
_LONGEST = 40  # characters; with four words more than any name seen
_SCOTS = re.compile(r"\bMc([a-z])")


@cache
def _words(kind: str) -> frozenset[str]:
    return frozenset(lists.read("labels")[kind])


def plausible(label: str) -> bool:
    """Can this stand for a speaker? `John`, `JOHN SMITH`, `Dr. van der Berg`, `SPEAKER_00`."""
    label = label.strip()
    low = label.casefold()
    if not label or len(label) > _LONGEST or low in _words("other"):
        return False
    if _numbered(label) or low in _words("roles"):
        return True
    words = label.split()
    if len(words) > 4 or words[0].casefold().rstrip(".") in _words("other"):
        return False
    return all(_part(word, first=i == 0) for i, word in enumerate(words))


def _part(word: str, *, first: bool) -> bool:
    if not first and word in _words("particles"):
        return True
    if _WORD.match(word) is None:
        return False
    return word[0].isupper() or (word[0].lower() == word[0].upper() and len(word) <= 6)


def _numbered(label: str) -> tuple[str, str] | None:
    match = _NUMBERED.match(label)
    if match is None or match["role"].strip().casefold() not in _words("roles"):
        return None
    return match["role"].strip(), match["number"]


def spelled(label: str) -> str:
    """The label by itself as it should be written: `SPEAKER_01` is `Speaker 1`, `AMY` is `Amy`."""
    label = " ".join(label.split())
    numbered = _numbered(label)
    if numbered:
        role, number = numbered
        return f"{role.capitalize()} {int(number) if number.isdigit() else number.upper()}"
    if label.casefold() in _words("roles"):
        return label[0].upper() + label[1:].lower()
    return " ".join(_shown(word) for word in label.split())


def _shown(word: str) -> str:
    letters = word.rstrip(".")
    if not word.isupper() or len(letters) < 2 or letters in _words("capitals"):
        return word
    if letters in _words("titles"):
        return word.capitalize()
    if "." in letters or not set(letters) & set("AEIOUYÄÖÜÁÉÍÓÚÀÈÌÒÙÂÊÎÔÛ"):
        return word  # initials: "J.R.", "JT"
    return _SCOTS.sub(lambda match: "Mc" + match[1].upper(), word.title().replace("’S", "’s"))


def uniform(labels: list[str]) -> dict[str, str]:
    """For each label of a row, in order of appearance, the name that all its spellings get.

    A spelling in mixed case goes before one in capitals, and a first name that only one full name
    of the row begins with becomes that full name.
    """
    best: dict[str, str] = {}
    for label in dict.fromkeys(labels):
        shown = spelled(label)
        key = shown.casefold()
        if key not in best or (best[key] != shown and not label.isupper()):
            best[key] = shown
    full: dict[str, list[str]] = {}
    for key in best:
        first, _, rest = key.partition(" ")
        if rest and first not in _words("roles"):
            full.setdefault(first, []).append(key)
    names = {}
    for label in dict.fromkeys(labels):
        key = spelled(label).casefold()
        longer = full.get(key, [])
        names[label] = best[longer[0] if len(longer) == 1 else key]
    return names
