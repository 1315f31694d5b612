"""Phone numbers, by the numbering plans of libphonenumber."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple

import phonenumbers

from ftc.prep.redact.looked import Looked
from ftc.prep.redact.places import Places
from ftc.prep.redact.span import Span

GATE = r"\d(?:[ ().\-/\x{a0}\x{2011}]{0,3}\d){6}"

_RUN = re.compile(
    r"\d(?<![\w@#$€£=&%.,/\\-].)[\d ().\-/\u00a0\u2011]{4,}\d"
    r"(?!\w*[@%]|[^\W\dxe]|\s?[$€£]|[.,:/-]\d)"
)
_NOT_BEFORE = re.compile(r"[\w@#$€£=&%.,/\\+-]")  # a plus sign or a bracket before a number
_EXTENSION = re.compile(r"\s?(?:x|ext\.?|extension|#)\s?\d{1,6}(?!\w)", re.IGNORECASE)
_PART = re.compile(r"[^ \u00a0]+")
_DATE = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d([-/.])[01]?\d\1[0-3]?\d|[0-3]?\d([-/.])[0-3]?\d\2(?:19|20)\d\d"
    r"|[0-3]?\d([-/.])[01]?\d\3\d\d|[01]?\d/[0-3]?\d/\d\d)(?!\d)"
)
_YEARS = re.compile(r"(?:1[5-9]|20)\d\d ?[-/] ?(?:1[5-9]|20)\d\d$")
_AMERICAN = re.compile(
    r"(?:1[ .-]?)?(?:\([2-9]\d\d\)[ .-]{0,2}\d{3}[ .-]\d{4}|[2-9]\d\d([ .-])\d{3}\1\d{4})$"
)
_ZIP = re.compile(r"\d{5}-\d{4}$")  # of the United States
_COUNTED = frozenset({"0123456789", "1234567890", "123456789"})
_BEGINNINGS = ("+", "(+", "0", "(0")  # of numbers that need no word before them
_TRUNK = re.compile(r"\(?0\d")
_THOUSANDS = re.compile(r"\d{3}(?: \d{3})+$")
_DECIMAL = re.compile(r"[1-9]\d{0,3}\.\d+$")
_OTHERWISE = (_YEARS, _DECIMAL, _ZIP)
# Words up to six words before a number that say it is one to call.
_CALLS = frozenset(
    {
        "phone",
        "phones",
        "telephone",
        "tel",
        "tél",
        "telefon",
        "teléfono",
        "telefono",
        "telefoon",
        "téléphone",
        "call",
        "mobile",
        "mobil",
        "móvil",
        "cell",
        "cellular",
        "handy",
        "portable",
        "cellulare",
        "fax",
        "hotline",
        "dial",
        "dialled",
        "ring",
        "whatsapp",
        "signal",
        "sms",
        "text",
        "texted",
        "reach",
        "reached",
        "voicemail",
        "contact",
        "desk",
        "landline",
        "rufnummer",
        "rückruf",
        "anrufen",
        "erreichbar",
        "erreichen",
        "appelez",
        "appeler",
        "joindre",
        "llamar",
        "llame",
        "llámame",
        "chiamare",
        "ph",
        "number",
        "nummer",
        "número",
        "numéro",
        "numero",
        "numer",
    }
)
_DIGITLESS = re.compile(r"[^\d!?]*\Z")
_LETTERS = re.compile(r"[^\W\d_]+")
# Words right before a number that say it is something else.
_OTHER = re.compile(
    r"\b(?:order|invoice|ticket|case|ref|reference|tracking|serial|sku|part|isbn|issn|doi|id|"
    r"account|acct|policy|claim|model|item|article|batch|lot|po|version|page|pp|port|license|"
    r"licence|bestellung|bestellnummer|rechnung|rechnungsnummer|kundennummer|auftrag|facture|"
    r"commande|pedido|factura|score|sum|total|equals|timestamp|epoch|vin|imei|zip|barcode|ean|"
    r"upc|gtin|patent|coordinates|lat|lon|ssn|card|iban|build|commit|between|from|"
    r"passport|vat|tax|insurance|security|registration|aadhaar|bsn|pesel|nhs|cpf|sin)s?"
    r"(?:\s*(?:number|numbers|no|nr|num|code|id|is|was|of))*[\s.:#=(\"'-]*\Z",
    re.IGNORECASE,
)


def phones(looked: Looked, places: Places) -> Iterator[Span]:
    """Numbers with a country code, or written like numbers of the countries of `places`.

    Digits without separators, or of a form that no plan has, need a word such as "call" before.
    Runs of digits within what is found already are something else.
    """
    text, end = looked.text, 0
    for at in looked.numbers():
        run = _RUN.match(text, at) if at >= end else None
        if run:
            end = run.end()
            start = -1 if looked.takes(at, end) else _opened(text, at)
            if start >= 0 and (span := _longest(text, start, end, places)):
                yield span


def _opened(text: str, start: int) -> int:
    """Where the number begins with its plus sign and bracket; -1 where it is part of a sum."""
    first = start
    if first and text[first - 1] == "+":
        first -= 1
    if first and text[first - 1] == "(":
        first -= 1
    return -1 if first < start and first and _NOT_BEFORE.match(text, first - 1) else first


def _longest(text: str, start: int, end: int, places: Places) -> Span | None:
    """The longest number that begins `text[start:end]`, cut at one of its spaces.

    Without a word before or a plus sign, a number is all of the digits that stand together.
    """
    if span := _number(text, start, end, places, called=False):
        return span
    called = _called(text, start)
    if called or text.startswith(("+", "(+"), start):
        ends = [part.end() for part in _PART.finditer(text, start, end)]
        for cut in reversed(ends[:7]):
            if span := _number(text, start, cut, places, called=called):
                return span
    return None


def _called(text: str, at: int) -> bool:
    """Whether the sentence has a word such as "call" shortly before."""
    line = text[max(0, at - 40) : at].rpartition("\n")[2]
    if _CALLS.isdisjoint(map(str.casefold, _LETTERS.findall(line))):
        return False
    for word in reversed([*_LETTERS.finditer(line)][-6:]):
        between = line[word.end() :]
        if len(between) > 25 or "." in between[1:] or not _DIGITLESS.match(between):
            return False
        if word[0].casefold() in _CALLS:
            return True
    return False


def _number(text: str, start: int, end: int, places: Places, *, called: bool) -> Span | None:
    written = text[start:end].rstrip(".-/( ")
    if written.startswith("(") and ")" not in written:
        start, written = start + 1, written[1:]
    if written.count(")") > written.count("("):
        written = written.rstrip(")")
    end = start + len(written)
    if not called and not _likely(written):
        return None
    digits = sum(map(str.isdigit, written))
    if not 7 <= digits <= 16 or any(form.match(written) for form in _OTHERWISE):
        return None
    value = _value(written, places.countries, called=called)
    if value is None or _OTHER.search(text, max(0, start - 40), start):
        return None
    extension = _EXTENSION.match(text, end)
    return Span("phone", start, extension.end() if extension else end, value)


@lru_cache(maxsize=65536)
def _value(written: str, countries: tuple[str, ...], *, called: bool) -> str | None:
    """The number as +4930123456, or None where it is none; pure, since it is cached."""
    if written.startswith(("+", "(+", "00")):
        number = re.sub(r"^\(?(?:\+|00)", "+", written).replace("(0)", "")
        parsed = _parsed(number, "ZZ")
        sure = called or not written.startswith("00")
        if parsed is not None and (
            phonenumbers.is_possible_number(parsed)
            if sure
            else phonenumbers.is_valid_number(parsed)
        ):
            return _e164(parsed)
        if written.startswith("+"):
            return None
    if written in _COUNTED or _DATE.search(written) or not (called or _written_so(written)):
        return None
    digits = re.sub(r"\D", "", written)
    for country in countries:
        if _plan(country).numbers(digits) and (parsed := _parsed(written, country)):
            return _e164(parsed)
    if called or _AMERICAN.match(written):
        for country in countries:
            if _plan(country).possible(digits) and (parsed := _parsed(written, country)):
                return _e164(parsed)
    return None


class _Plan(NamedTuple):
    """What libphonenumber's own parser looks up: a look here spares most of its calls."""

    national: re.Pattern[str]  # all numbers of the country
    lengths: frozenset[int]
    prefix: str  # before a number that is called within the country

    def numbers(self, digits: str) -> bool:
        """Whether the country has this number."""
        return any(self.national.fullmatch(form) for form in self._forms(digits))

    def possible(self, digits: str) -> bool:
        """Whether the country has numbers of this length."""
        return any(len(form) in self.lengths for form in self._forms(digits))

    def _forms(self, digits: str) -> tuple[str, ...]:
        if self.prefix and digits.startswith(self.prefix):
            return digits, digits[len(self.prefix) :]
        return (digits,)


@cache
def _plan(country: str) -> _Plan:
    known = phonenumbers.PhoneMetadata.metadata_for_region(country)
    if known is None or known.general_desc is None:
        return _Plan(re.compile(r"(?!)"), frozenset(), "")
    lengths = {*known.general_desc.possible_length, *known.general_desc.possible_length_local_only}
    pattern = re.compile(known.general_desc.national_number_pattern or r"(?!)")
    return _Plan(pattern, frozenset(lengths), known.national_prefix or "")


def _likely(written: str) -> bool:
    """Whether a number that no word comes before may be one: a quick look at its beginning."""
    return written.startswith(_BEGINNINGS) or bool(_AMERICAN.match(written))


def _written_so(written: str) -> bool:
    """Whether the separators alone make a phone number likely."""
    if _AMERICAN.match(written):
        return True
    groups = len(re.findall(r"\d+", written))
    return bool(groups > 1 and _TRUNK.match(written) and not _THOUSANDS.match(written))


def _parsed(number: str, country: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return None


def _e164(number: phonenumbers.PhoneNumber) -> str:
    return f"+{number.country_code}{phonenumbers.national_significant_number(number)}"
