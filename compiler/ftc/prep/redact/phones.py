"""Phone numbers, by the numbering plans of libphonenumber."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import phonenumbers

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
    r"(?<!\d)(?:(?:19|20)\d\d([-/.])[01]?\d\1[0-3]?\d|[0-3]?\d([-/.])[01]?\d\2(?:19|20)?\d\d"
    r"|[01]?\d/[0-3]?\d/(?:19|20)?\d\d)(?!\d)"
)
_YEARS = re.compile(r"(?:1[5-9]|20)\d\d ?[-/] ?(?:1[5-9]|20)\d\d$")
_AMERICAN = re.compile(r"(?:1[ .-]?)?\(?[2-9]\d\d\)?[ .-]{0,2}\d{3}[ .-]\d{4}$")
_TRUNK = re.compile(r"\(?0\d")
_THOUSANDS = re.compile(r"\d{3}(?: \d{3})+$")
_DECIMAL = re.compile(r"[1-9]\d{0,3}\.\d+$")
# Words up to 25 characters before a number that say it is one to call.
_CALLED = re.compile(
    r"\b(?:phone|phones|telephone|tel|tél|telefon|teléfono|telefono|telefoon|téléphone|call|"
    r"mobile|mobil|móvil|cell|cellular|handy|portable|cellulare|fax|hotline|dial|"
    r"dialled|ring|whatsapp|signal|sms|text|texted|reach|reached|voicemail|contact|desk|landline|"
    r"rufnummer|rückruf|anrufen|erreichbar|erreichen|appelez|appeler|joindre|llamar|llame|"
    r"llámame|chiamare|ph|number|nummer|número|numéro|numero|numer)"
    r"\b\.?[^\d\n.!?]{0,24}\Z",
    re.IGNORECASE,
)
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


def phones(text: str, places: Places) -> Iterator[Span]:
    """Numbers with a country code, or written like numbers of the countries of `places`.

    Digits without separators, or of a form that no plan has, need a word such as "call" before.
    """
    for run in _RUN.finditer(text):
        if sum(map(str.isdigit, run[0])) >= 7:
            start = _opened(text, run.start())
            if start >= 0:
                yield from _within(text, start, run.end(), places)


def _opened(text: str, start: int) -> int:
    """Where the number begins with its plus sign and bracket; -1 where it is part of a sum."""
    first = start
    if first and text[first - 1] == "+":
        first -= 1
    if first and text[first - 1] == "(":
        first -= 1
    return -1 if first < start and first and _NOT_BEFORE.match(text, first - 1) else first


def _within(text: str, start: int, end: int, places: Places) -> Iterator[Span]:
    """The longest numbers in `text[start:end]`, cut at its spaces.

    Without a word before or a plus sign, a number is all of the digits that stand together.
    """
    parts = [part.span() for part in _PART.finditer(text, start, end)][:12]
    if span := _number(text, start, end, places, whole=True):
        yield span
        return
    first = 0
    while first < len(parts):
        step = 1
        for last in range(min(len(parts), first + 7), first, -1):
            if span := _number(text, parts[first][0], parts[last - 1][1], places, whole=False):
                yield span
                step = last - first
                break
        first += step


def _number(text: str, start: int, end: int, places: Places, *, whole: bool) -> Span | None:
    written = text[start:end].rstrip(".-/( ")
    if written.startswith("(") and ")" not in written:
        start, written = start + 1, written[1:]
    if written.count(")") > written.count("("):
        written = written.rstrip(")")
    end = start + len(written)
    digits = sum(map(str.isdigit, written))
    if not 7 <= digits <= 16 or _YEARS.match(written) or _DECIMAL.match(written):
        return None
    before = text[max(0, start - 40) : start]
    abroad = written.startswith(("+", "(+"))
    value = _value(written, places.countries, called=False) if abroad or whole else None
    if value is None and _CALLED.search(before):
        value = _value(written, places.countries, called=True)
    if value is None or _OTHER.search(before):
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
    if _DATE.search(written) or not (called or _written_so(written)):
        return None
    tried = [parsed for country in countries if (parsed := _parsed(written, country))]
    for parsed in tried:
        if phonenumbers.is_valid_number(parsed):
            return _e164(parsed)
    possible = [parsed for parsed in tried if phonenumbers.is_possible_number(parsed)]
    if possible and (called or _AMERICAN.match(written)):
        return _e164(possible[0])
    return None


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
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
