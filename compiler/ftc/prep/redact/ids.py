"""National numbers of people: the forms of `ids.toml`, the check digits of python-stdnum."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ftc.prep.redact.looked import Looked
from ftc.prep.redact.places import Places
from ftc.prep.redact.span import Span

GATE = (
    r"(?:\d[ .+-]?){9}|\d{7}-?[A-Z]|\d{8}[ -]?[A-Z]|[XYZ][ -]?\d{7}|[A-Z]{2} ?(?:\d{2} ?){3}[A-D]"
    r"|[A-Z]{6}\d{2}[A-Z]|[A-Z]{5}\d{4}[A-Z]|[A-Z]{4}\d{6}[HMX]|\d{6}[A-FU-Y]\d{3}"
    r"|\d\.\d{3}\.\d{3}-|\d{2} ?[0-9]{2} ?2[AB] ?\d{3}"
)
_NEAR = 48  # characters before a number in which its word is looked for: judgment
_BEFORE = r"(?<![\w.+/-])(?=(?:[ .+-]?[\dA-Z]){8})"
# Those that begin with letters, of which texts have many more than numbers
_LETTERS = re.compile(r"[A-Z](?<![\w.+/-].)(?=.{0,6}\d)(?=(?:[ .+-]?[\dA-Z]){7})")
LETTERS_GATE = (
    r"[XYZ][ -]?\d{7}|[A-Z]{2} ?(?:\d{2} ?){3}[A-D]|[A-Z]{6}\d{2}[A-Z]|[A-Z]{5}\d{4}[A-Z]"
    r"|[A-Z]{4}\d{6}[HMX]"
)
_OTHER = re.compile(
    r"\b(?:order|invoice|ticket|ref|reference|tracking|serial|sku|part|isbn|model|item|batch|lot)"
    r"(?:\s*(?:number|no|nr|num|code|id|is|was))*[\s.:#=(\"'-]*\Z",
    re.IGNORECASE,
)


# Digits before, as in the last twelve of a card's number.
_PART_OF = re.compile(r"\d[ -]\Z")


class _Id(NamedTuple):
    country: str
    kind: Literal["ssn", "id"]
    check: str
    sure: bool
    words: re.Pattern[str] | None


@cache
def _table(countries: tuple[str, ...]) -> tuple[re.Pattern[str], tuple[_Id, ...]]:
    """One pattern with a group for each line of the table that applies, and the lines."""
    lines = tomllib.loads((Path(__file__).parent / "ids.toml").read_text("utf-8"))["id"]
    lines = [line for line in lines if line.get("sure") or line["country"] in countries]
    # Looking ahead, not taking: one place may have the form of several countries' numbers.
    ahead = "".join(f"(?:(?=({line['pattern']})(?![\\w]|[.-]\\d))|)" for line in lines)
    return re.compile(_BEFORE + ahead), tuple(map(_id, lines))


def _id(line: dict[str, Any]) -> _Id:
    # "steuer" begins longer words; "sin" does too, but those are others
    ends = [re.escape(word) + (r"\b" if len(word) < 5 else "") for word in line.get("words", ())]
    near = re.compile(rf"\b(?:{'|'.join(ends)})", re.IGNORECASE) if ends else None
    return _Id(
        line["country"], line.get("kind", "id"), line["check"], line.get("sure", False), near
    )


@cache
def _check(name: str) -> Callable[[str], bool]:
    valid: Callable[[str], bool] = import_module(f"stdnum.{name}").is_valid
    return valid


def numbers(looked: Looked, places: Places) -> Iterator[Span]:
    """Numbers with right check digits; those with a weak form only beside their word.

    What begins within a span that is found already is something else.
    """
    return _ids(looked, looked.numbers(), places)


def letters(looked: Looked, places: Places) -> Iterator[Span]:
    """The same for those that begin with a letter."""
    return _ids(looked, [at.start() for at in _LETTERS.finditer(looked.text)], places)


def _ids(looked: Looked, starts: list[int], places: Places) -> Iterator[Span]:
    text = looked.text
    pattern, lines = _table(places.countries)
    for at in starts:
        found = None if looked.takes(at, at + 1) else pattern.match(text, at)
        if not found or not found.lastindex:
            continue
        for group in range(1, found.lastindex + 1):
            if found[group] and (span := _judged(text, found, group, lines[group - 1])):
                yield span
                break


def _judged(text: str, found: re.Match[str], group: int, line: _Id) -> Span | None:
    before = text[max(0, found.start() - _NEAR) : found.start()]
    if line.words and not line.words.search(before):
        return None
    if not line.words and _OTHER.search(before):
        return None
    if _PART_OF.search(before) or (line.check and not _check(line.check)(found[group])):
        return None
    start, end = found.span(group)
    return Span(line.kind, start, end, re.sub(r"[ .-]", "", found[group]).upper())
