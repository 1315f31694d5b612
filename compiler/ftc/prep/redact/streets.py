"""Postal addresses: a street with its number, and the town with its code where they follow."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ftc.prep.redact.looked import Looked
from ftc.prep.redact.places import Places
from ftc.prep.redact.span import Span

_TABLE = tomllib.loads((Path(__file__).parent / "streets.toml").read_text("utf-8"))
_WORD = r"[A-ZÀ-ÖØ-ÞŁŚŻ][\w'\u2019À-ÿ-]*"
_BREAK = r"(?:,\s{0,2}\n?|\s?\n|\s-\s|,?\s)"
_END = r"(?!\w)"
# Characters that are not before a street, after the first character of the pattern.
_ALONE = r"(?<![\w.,#$€£/-].)"


class Form(NamedTuple):
    """One way to write addresses in a language, and a pattern of RE2 that every such text has."""

    language: str
    gate: str
    pattern: re.Pattern[str]

    def spans(self, looked: Looked, _: Places) -> Iterator[Span]:
        """Addresses of this form."""
        for found in self.pattern.finditer(looked.text):
            written = found[0].rstrip(" .\n")
            value = " ".join(re.sub(r"[,\n]", " ", written).casefold().split())
            yield Span("address", found.start(), found.start() + len(written), value)


def _words(language: str, key: str = "kinds") -> list[str]:
    return str(_TABLE[language][key]).split()


def _either(words: list[str]) -> str:
    """Some of the words; the longest first, so that none is cut by a shorter one."""
    return "|".join(re.escape(word) for word in sorted(set(words), key=lambda w: (-len(w), w)))


def _english() -> Iterator[Form]:
    kinds = _either(_words("en"))
    town = rf"{_WORD}(?: {_WORD}){{0,3}}"
    american = r"(?:[A-Z]{2}|[A-Z][a-z]+(?: [A-Z][a-z]+)?)\s{1,2}\d{5}(?:-\d{4})?\b"
    british = r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b"
    post = rf"(?:{_BREAK}{town},?\s{american}|(?:{_BREAK}{town})?{_BREAK}{british})"
    unit = (
        r"(?:,?\s(?:Apt|Apartment|Suite|Ste|Unit|Floor|Fl|Room|Rm|Flat|Studio|No|#)"
        r"\.?\s?#?\w{1,6}|,?\s(?:\d{1,2}(?:st|nd|rd|th)|[A-Z][a-z]+th|First|Second|Third) [Ff]loor)"
    )
    word = rf"(?:{_WORD}|\d{{1,3}}(?:st|nd|rd|th))"
    flat = r"(?:Flat|Studio|Apartment|Unit|Suite) \w{1,5},?\s\n?"
    number = (
        rf"\d{_ALONE}\d{{0,5}}[A-Za-z]?(?:-\d{{1,4}})? "
        r"(?:(?:[NSEW]|[NS][EW]|North|South|East|West)\.? )?"
    )
    # "In 1999 High Street was closed", "(c) 2021 Iain Lane": a year alone is no house
    house = number.replace(_ALONE, _ALONE + r"(?!(?<=1)9\d\d )(?!(?<=2)0\d\d )")
    known = rf"(?:{word} ){{1,4}}?(?:{kinds})\b\.?(?: [NSEW]{{1,2}}\b)?{unit}?"
    known += rf"(?:,\s{town},?\s[A-Z]{{2}}\b)?"
    coded = rf"{word}(?: {word}){{0,4}}?\.?{unit}?{post}"
    code = r"[A-Z][a-z]*(?:\s|\x{a0}){1,2}\d{5}\b|[A-Z]\d[A-Z\d]? ?\d[A-Z]{2}\b"
    yield Form("en", code, re.compile(rf"{number}{coded}{_END}"))
    yield Form("en", rf"(?:{kinds})\b", re.compile(rf"{house}{known}{_END}"))
    led = rf"\b{flat}(?:\d{{1,6}}[A-Za-z]? )?{_WORD}(?: {_WORD}){{0,3}}{post}"
    yield Form("en", r"(?:Flat|Studio|Apartment|Unit|Suite) \w{1,5},?\s", re.compile(led + _END))
    field = r"(?:,?\s?\n?(?:FPO|APO|DPO),? A[AEP] \d{5})"
    boxes = (
        rf"\bP\.?\s?O\.? Box \d{{1,6}}{post}?|\b(?:USNS|USS|USCGC|USNV|HMS) {_WORD}{field}"
        rf"|\b(?:PSC|Unit) \d{{1,5}},? Box \d{{1,5}}{field}"
    )
    yield Form("en", r"Box \d|PO,? A[AEP] \d", re.compile(rf"(?:{boxes}){_END}"))


def _german() -> Iterator[Form]:
    kinds = _words("de")
    joined = _either(kinds)
    apart = _either([word.capitalize() for word in kinds])
    number = r"\d{1,4}(?:\s?[a-z]\b)?(?:\s?[-/]\s?\d{1,4}[a-z]?)?"
    word = r"[A-ZÄÖÜ][\wÀ-ÿ.-]*"
    small = r"a[mn]|im|in|ob|vor|bei|der|dem"
    town = rf"(?:{_BREAK}(?:D-)?\d{{5}} {word}(?:[ /-](?:{small}|{word}))*)"
    first = rf"[A-ZÄÖÜ]{_ALONE}"
    street = rf"(?:[\wÀ-ÿ.-]*(?:{joined}|-(?:{apart}))|(?:[\wÀ-ÿ]+(?:er|sche|ische|e)) (?:{apart}))"
    known = rf"{first}{street} {number}{town}?"
    yield Form("de", rf"(?i:{joined}) \d", re.compile(known + _END))
    coded = rf"{first}(?:[\wÀ-ÿ.-]* ){{1,4}}?{number}{town}"
    yield Form("de", r"\d[a-z]?(?:,\s?|\s?\n|\s)(?:D-)?\d{5} [A-ZÄÖÜ]", re.compile(coded + _END))


def _french() -> Iterator[Form]:
    kinds = rf"(?:{_either(_words('fr') + [word.capitalize() for word in _words('fr')])})"
    small = r"(?:de la|de l['\u2019]|du|des|de|d['\u2019]|la|le|les|l['\u2019]|aux?|à|et)"
    named = (
        rf"(?:(?:{small} ?)*(?:{_WORD}|\d{{1,2}} [a-zé]+)(?:(?:[ -]{small})*[ -]{_WORD}){{0,4}})"
    )
    more = rf"(?:[ -](?:{small}[ -]?)*(?:{_WORD}|sur|sous|les?|en|lès)){{0,4}}"
    town = rf"(?:{_BREAK}\d{{5}} {_WORD}{more})"
    after = r"(?: ?(?:bis|ter|[A-D]))?,? "
    number = rf"\d{_ALONE}\d{{0,3}}{after}"
    yield Form("fr", rf"\d{after}{kinds} ", re.compile(rf"{number}{kinds} {named}{town}?{_END}"))
    yield Form("fr", r"\s\d{5} [A-ZÀ-Þ]", re.compile(rf"\b{kinds} {named}{town}{_END}"))


def _spanish() -> Iterator[Form]:
    given = _words("es")
    kinds = rf"(?:{_either(given + [word.lower() for word in given if len(word) > 3])})"
    small = r"(?:de las?|de los|del|de|la|las|los|el|y)"
    named = rf"(?:{small} )?{_WORD}(?: (?:{small} )?{_WORD}){{0,4}}"
    number = r",? (?:n[º°.o]\.? ?)?\d{1,4}(?:\s?(?:bis|[A-D])\b)?"
    flat = r"(?:,? (?:(?:Apt\.|Puerta|Piso|Planta|piso|puerta|planta) ?\w{1,4}|\d{1,2}[ºª]) ?){0,2}"
    town = rf"{_WORD}(?: (?:{small} )?{_WORD}){{0,3}}"
    post = rf"(?:{_BREAK}\s?(?:{town}, ?\d{{5}}|\d{{5}},? {town}))"
    pattern = rf"(?<![\w.,/-]){kinds} ?{named}{number}{flat}{post}?{_END}"
    yield Form("es", rf"{kinds} ?(?:[A-ZÀ-Þ]|de |del |la |las |los |el )", re.compile(pattern))


# en, de, fr and es; addresses of other languages are not looked for.
FORMS = (*_english(), *_german(), *_french(), *_spanish())
