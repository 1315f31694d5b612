"""Payment cards and IBANs: told from other numbers by their issuers and check digits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from stdnum import luhn, numdb
from stdnum.iso7064 import mod_97_10

from ftc.prep.redact.looked import Looked
from ftc.prep.redact.places import Places
from ftc.prep.redact.span import Span

CARD_GATE = r"\d{12}|\d{4}[ .-]\d{4}[ .-]\d{4}|\d{4}[ .-]\d{6}[ .-]\d"
IBAN_GATE = r"[A-Za-z]{2}\d{2}[ -]?[A-Za-z0-9]{4}[ -]?[A-Za-z0-9]{3}"

_CARD = re.compile(
    r"\d(?<![\w.,+#/-]\d)(?:\d{11,18}|\d{3}([ .-])\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?"
    r"|\d{3}([ .-])\d{6}\2\d{4,5})(?![\w]|[.,-]\d)"
)
# Issuers' first digits and lengths: ISO/IEC 7812, as in "Payment card number", Wikipedia.
_ISSUERS = re.compile(
    r"4\d{15}(?:\d{3})?$|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}$"
    r"|3[47]\d{13}$|(?:6011|64[4-9]\d|65\d\d|35[2-8]\d|62\d\d|81\d\d|220[0-4])\d{12,15}$"
    r"|3(?:0[0-5]|[68]\d|9\d)\d{11}(?:\d{2}|\d{5})?$|(?:2131|1800)\d{11}$"
    r"|(?:50|5[6-9]|6[0-9])\d{14}$"
)
# Maestro and old Visa numbers of 12, 13, 17 to 19 digits look like many other numbers.
_RARE = re.compile(r"4\d{12}$|(?:50|5[6-9]|6\d)\d{10,17}$")
_CARD_WORDS = re.compile(
    r"card|visa|maestro|master|amex|credit|debit|karte|carte|tarjeta|carta|paid|pay|charge|pan\b",
    re.IGNORECASE,
)
_MARKS = re.compile(r"[\W_]")
_IBAN = re.compile(
    r"\d\d(?<=(?<![^\W_])[A-Za-z]{2}\d\d)(?:[ \u00a0-]?[A-Za-z0-9]){11,30}"
)  # without the two letters before, which are slow to begin with


def cards(looked: Looked, _: Places) -> Iterator[Span]:
    """Card numbers of an issuer's form whose Luhn digit is right."""
    text, end = looked.text, 0
    for at in looked.numbers():
        found = _CARD.match(text, at) if at >= end else None
        if not found:
            continue
        end = found.end()
        near = text[max(0, found.start() - 60) : found.start()]
        for written in dict.fromkeys((found[0], found[0][:19])):  # a date may follow a card
            digits = _MARKS.sub("", written)
            if _is_card(digits, near):
                yield Span("card", found.start(), found.start() + len(written), digits)
                break


def _is_card(digits: str, near: str) -> bool:
    issued = _ISSUERS.match(digits) or (_RARE.match(digits) and _CARD_WORDS.search(near))
    return bool(issued) and len(set(digits)) > 1 and bool(luhn.is_valid(digits))


def ibans(looked: Looked, _: Places) -> Iterator[Span]:
    """IBANs of a known country, of its length and form, with right check digits."""
    text = looked.text
    for found in _IBAN.finditer(text):
        start = found.start() - 2
        form = _form(text[start : start + 2].upper())
        written = form.match(text, start) if form else None
        if written:
            compact = _MARKS.sub("", written[0]).upper()
            if mod_97_10.is_valid(compact[4:] + compact[:4]):
                yield Span("iban", start, written.end(), compact)


@cache
def _form(country: str) -> re.Pattern[str] | None:
    """How IBANs of the country are written, from the registry's "8!n10!n" in python-stdnum."""
    registered = numdb.get("iban").info(country)[0][1].get("bban")
    if not registered:
        return None
    marks = {"n": "[0-9]", "a": "[A-Za-z]", "c": "[A-Za-z0-9]"}
    parts = [(int(n), marks[kind]) for n, kind in re.findall(r"(\d+)!([nac])", registered)]
    each = "".join(rf"(?:[ \u00a0-]?{mark}){{{n}}}" for n, mark in parts)
    return re.compile(rf"[A-Za-z]{{2}}\d\d{each}(?![^\W_])")
