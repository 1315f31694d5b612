"""Keys, tokens and passwords: by the form of `secrets.toml`, or by the name they are given."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from math import log2
from pathlib import Path

from ftc.prep.redact.looked import Looked
from ftc.prep.redact.places import Places
from ftc.prep.redact.span import Span

_NAMES = (
    r"pass(?:word|wd|phrase|code)?|passwort|kennwort|contraseña|mot de passe|pwd|secret|token|"
    r"credentials?|auth|api[ _-]?key|apikey|access[ _-]?key|secret[ _-]?key|private[ _-]?key|"
    r"account[ _-]?key|encryption[ _-]?key|signing[ _-]?key|license[ _-]?key"
)
TOKEN_GATE = (
    r"AKIA|ASIA|ABIA|ACCA|gh[pousr]_|github_pat_|gl[a-z]{2,6}-|xox[abeprs]|xapp-|hooks\.slack|"
    r"[rs]k_(?:live|test|prod)_|whsec_|sk-\w|AIza|GOCSPX-|ya29\.|hf_|eyJ|npm_|pypi-A|SG\.|"
    r"SK[a-f0-9]{8}|do[opr]_v1|HRKU-|dapi[a-f0-9]|shp[a-z]{2}_|sq0|lin_api|PMAK|NRAK|gsk_|xai-|"
    r"r8_|:AA|discord|-us\d|key-[a-f0-9]|dckr_|rubygems_|api_org_|PRIVATE KEY|AccountKey=|"
    r"SharedAccessKey="
)
GIVEN_GATE = (
    rf"(?i:(?:{_NAMES})[\w-]{{0,48}}[\"'`]?\s{{0,3}}(?:[:=]|(?:is|was|ist|est|es)\s))"
    r"|[Bb]earer |[Bb]asic [A-Za-z0-9+/]{16}|Token token|://[^\s/@:]{0,64}:[^\s/@]+@"
)
_LEAST = 8  # characters of a value that stands for a key; a password may have 6: judgment
_BITS = 2.75  # entropy a character of a key, in bits; words and repeats have less: judgment

# Ends of the names above, in small letters: a quick search finds them, `_GIVEN` reads on.
_STEMS = ("pass", "pwd", "kennwort", "contraseña", "secret", "token", "credential", "auth", "key")
_KEY = re.compile(r"(?:api|access|secret|private|account|encryption|signing|license)[ _-]?\Z", re.I)
_GIVEN = re.compile(
    r"(?P<name>pass(?:word|wd|phrase|code|wort|e)?|pwd|kennwort|contraseña|secret|token|"
    r"credentials?|auth|key)(?:[_-][A-Za-z0-9]{1,16}){0,4}[\"'`]?"
    r"(?P<sign>\s{0,3}(?::=|=>|={1,2}|:)\s{0,3}|\s+(?:is|was|ist|est|es)(?:\s+now|\s+set\s+to)?:?\s+)"
    r"(?P<quote>[\"'`]?)(?P<value>[^\s\"'`<>]{6,200})",
    re.IGNORECASE,
)
_BEARER = re.compile(
    r"(?:Bearer|bearer|Basic|basic|oken token=)\s?\"?([A-Za-z0-9+/._~-]{20,2048}={0,2})"
)
_URL = re.compile(r"://[^\s/@:\"']{0,64}:([^\s/@:\"'`]{3,128})@(?=[\w\[])")
_FAKE = re.compile(
    r"(?:your|my|some|the|insert|replace|change|example|dummy|sample|test|fake|placeholder|redacted"
    r"|none|null|true|false|undefined|todo|xxx|\*\*\*|\.\.\.|\$|%|os\.|process\.|env\.|config\.|"
    r"self\.|request\.|settings\.|https?:|/|\./|~/)|.*(?:\.\.\.|xxxx|\*{3}|_here$|-here$)",
    re.IGNORECASE,
)
# What stands for a password in documentation
_WORD = re.compile(r"(?:pass|password|passwd|pwd|secret|token|user|key|x+|\*+)$", re.IGNORECASE)
# Where a value without quotes ends, and what it is when a program gives it.
_CUT = re.compile(r"[,;]|&(?=\w+=)|\)(?=[\])(.,;]|$)")
_CODE = re.compile(r"[A-Za-z_][\w.]*[(\[]|[{$(\[]")
_ODD = re.compile(r"[^\w.:/-]")  # in no name of a variable
_PASSWORD = re.compile(r"pass|pwd|kennwort|contraseña|mot de passe", re.IGNORECASE)


@cache
def _tokens() -> re.Pattern[str]:
    lines = tomllib.loads((Path(__file__).parent / "secrets.toml").read_text("utf-8"))["token"]
    forms = "|".join(line["pattern"] for line in lines)
    return re.compile(rf"(?<![A-Za-z0-9_])(?:{forms})(?![A-Za-z0-9])")


def tokens(looked: Looked, _: Places) -> Iterator[Span]:
    """Tokens of known issuers and private keys."""
    for found in _tokens().finditer(looked.text):
        yield Span("secret", found.start(), found.end(), found[0])


def given(looked: Looked, _: Places) -> Iterator[Span]:
    """What is called a password, a key or a token, and passwords in addresses."""
    text = looked.text
    if "earer" in text or "asic " in text or "oken token" in text:
        for found in _BEARER.finditer(text):
            if _dense(found[1], _LEAST) and _mixed(found[1]):
                yield Span("secret", found.start(1), found.end(1), found[1])
    for found in _URL.finditer(text):
        if not _FAKE.match(found[1]) and not _WORD.match(found[1]):
            yield Span("secret", found.start(1), found.end(1), found[1])
    small = text.lower()
    if len(small) != len(text):  # a few letters are two when small, which moves all places
        small = "".join(mark.lower() if mark.isascii() else mark for mark in text)
    for stem in _STEMS:
        at = small.find(stem)
        while at >= 0:
            said = _GIVEN.match(text, at)
            if said and (value := _value(said)):
                start = said.start("value")
                yield Span("secret", start, start + len(value), value)
            at = small.find(stem, at + 1)


def _value(found: re.Match[str]) -> str:
    """What is given, without the sentence's punctuation, or "" where it is no secret."""
    named = found["name"].lower()
    if named == "key" and not _KEY.search(found.string, max(0, found.start() - 12), found.start()):
        return ""
    value = found["value"]
    if not found["quote"]:
        value = _CUT.split(value)[0].rstrip(".:!?|)]}")
    elif found.string[found.end() :][:1] != found["quote"]:
        return ""
    if _FAKE.match(value) or (not found["quote"] and _CODE.match(value)):
        return ""
    if _PASSWORD.match(named):
        return value if len(value) >= 6 and _mixed(value) else ""
    spoken = found["sign"].strip() not in ("=", ":", ":=", "=>", "==")
    return value if _dense(value, 16 if spoken else _LEAST) and _mixed(value) else ""


def _mixed(value: str) -> bool:
    """Digits with other marks, or six or more; marks of no name of a variable; mixed capitals."""
    if _ODD.search(value):
        return True
    if any(map(str.isdigit, value)):
        return len(value) >= 6
    # half of the letters of a random key change from small to capital, a third in camelCase
    changes = sum(a.isupper() != b.isupper() for a, b in pairwise(value))
    return len(value) >= 20 and value.isalpha() and changes > 0.36 * len(value)


def _dense(value: str, least: int) -> bool:
    """Whether the value is long and its letters vary as those of a random text."""
    size = len(value)
    if size < least or (not any(map(str.isdigit, value)) and size < 20):
        return False
    return -sum(n / size * log2(n / size) for n in Counter(value).values()) >= _BITS
