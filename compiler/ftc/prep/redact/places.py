"""Which countries and languages the recipe's locales name."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import phonenumbers

from ftc.errors import FtcError


class Places(NamedTuple):
    """Countries (ISO 3166, "US") and languages (ISO 639-1, "en"), each in the order named."""

    countries: tuple[str, ...]
    languages: tuple[str, ...]


@cache
def read(locales: tuple[str, ...]) -> Places:
    """Places of locales like "en_US", "de-DE" or "FR"; FtcError for a country that is none."""
    countries: dict[str, None] = {}
    languages: dict[str, None] = {}
    for locale in locales:
        language, _, country = locale.replace("-", "_").rpartition("_")
        if country.upper() not in phonenumbers.SUPPORTED_REGIONS:
            raise FtcError(
                f"redact.locales: {locale!r} names no country", hint="write it as en_US or de_DE"
            )
        countries[country.upper()] = None
        if language:
            languages[language.lower()] = None
    return Places(tuple(countries), tuple(languages))
