"""E-mail and IP addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from ftc.prep.redact.looked import Looked
from ftc.prep.redact.places import Places
from ftc.prep.redact.span import Span

EMAIL_GATE = r"@|[\[({<]\s?(?:at|AT|ät)\s?[\])}>]"
IP_GATE = r"\d\.\d{1,3}\.\d{1,3}\.\d|[0-9A-Fa-f]:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]|::[0-9A-Fa-f]"

_DOMAIN = r"(?:[^\W_](?:[\w-]{0,62}[^\W_])?\.)+"
_LOCAL = re.compile(r"(?<![\w.+%/-])[\w][\w.+%'&*~-]{0,63}\Z")
_LOGIN = re.compile(r"://[^\s/@]{0,64}:\Z")  # user:password@host in an address of the web
_HOST = re.compile(_DOMAIN + r"([^\W\d_]{2,24})(?![\w@-]|\.[^\W\d_])")
_QUOTED = re.compile(r'"[^"\n@]{1,40}"@' + _DOMAIN + r"[^\W\d_]{2,24}(?![\w-])")
_POINT = r"(?:\.|\s?[\[({<]\s?(?i:dot|punkt|point|punto)\s?[\])}>]\s?)"
_SPELLED = re.compile(
    r"(?<![\w.+-])(\w[\w+-]{0,63}(?:" + _POINT + r"[\w+-]{1,63}){0,3})"
    r"\s?[\[({<]\s?(?i:at|ät)\s?[\])}>]\s?"
    r"([\w-]{1,63}(?:" + _POINT + r"[\w-]{1,63}){0,3}" + _POINT + r"[^\W\d_]{2,12})(?![\w-])"
)
_AT = re.compile(r"[\[({<]\s?(?i:at|ät)\s?[\])}>]")
_DOT = re.compile(_POINT)
# Endings of files, which stand where a domain's ending would: icon@2x.png
_FILES = frozenset(
    {"png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "css", "js", "mjs", "ts", "tsx", "jsx",
     "json", "py", "html", "htm", "xml", "yaml", "yml", "toml", "md", "txt", "pdf", "csv", "lock"}
)  # fmt: skip

_IP4 = re.compile(r"\d(?<![\w.]\d)\d{0,2}\.(?:\d{1,3}\.){2}\d{1,3}(?![\w]|\.\d)")
_COLONS = re.compile(r":(?=[0-9A-Fa-f]{0,4}:)")
_GROUP = re.compile(r"[0-9A-Fa-f]{0,4}\Z")
_IP6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{3,39}(?:\.\d{1,3}){0,3}(?![\w:])")
# A number of four parts after one of these is a version or a heading, not an address.
_NUMBERED = re.compile(
    r"\b(?:v|version|versions|ver|release|releases|build|firmware|driver|section|sec|chapter|"
    r"clause|paragraph|article|rev|revision|update|upgrade|oid|figure|table|kapitel|abschnitt)"
    r"[.:]?[ \t]{0,2}(?:\w{0,12}[ \t])?\Z|[<>=~!]=[ '\"]?\Z",
    re.IGNORECASE,
)


def emails(looked: Looked, _: Places) -> Iterator[Span]:
    """E-mail addresses, "ann (at) example (dot) org" too; not `git@` of a repository's address."""
    text = looked.text
    at = text.find("@")
    while at >= 0:
        if span := _around(text, at):
            yield span
        at = text.find("@", at + 1)
    if '"@' in text:
        for found in _QUOTED.finditer(text):
            yield Span("email", found.start(), found.end(), found[0].lower())
    for mark in _AT.finditer(text):
        spelled = _SPELLED.search(text, max(0, mark.start() - 100), mark.end() + 120)
        if spelled:
            value = "@".join(_DOT.sub(".", part) for part in spelled.groups()).lower()
            yield Span("email", spelled.start(), spelled.end(), value)


def _around(text: str, at: int) -> Span | None:
    """The address whose @ is at `at`."""
    local = _LOCAL.search(text, max(0, at - 65), at)
    host = _HOST.match(text, at + 1)
    if not local or not host or host[1].lower() in _FILES:
        return None
    if _LOGIN.search(text, max(0, local.start() - 80), local.start()):
        return None
    if local[0] == "git" and text[host.end() : host.end() + 1] == ":":
        return None
    start, end = local.start(), host.end()
    return Span("email", start, end, text[start:end].lower())


def addresses(looked: Looked, _: Places) -> Iterator[Span]:
    """IPv4 and IPv6 addresses of machines: no loopback, no mask, no version number."""
    text = looked.text
    for found in _IP4.finditer(text):
        try:
            value = IPv4Address(found[0])
        except AddressValueError:
            continue
        network = found[0].endswith(".0") and text[found.end() : found.end() + 1] == "/"
        if value.is_loopback or network or found[0].startswith(("0.", "255.")):
            continue
        if not _NUMBERED.search(text, max(0, found.start() - 30), found.start()):
            yield Span("ip", found.start(), found.end(), str(value))
    for colon in _COLONS.finditer(text):
        group = _GROUP.search(text, max(0, colon.start() - 4), colon.start())
        if group and (six := _IP6.match(text, group.start())):
            yield from _six(six)


def _six(found: re.Match[str]) -> Iterator[Span]:
    written = found[0]
    if written.endswith(":") and not written.endswith("::"):
        written = written[:-1]
    try:
        value = IPv6Address(written)
    except AddressValueError:
        return
    # `dead::beef` may be a name in C++: an address has a digit and three groups, or a known start
    groups = [group for group in written.split(":") if group]
    known = written.lower().startswith(("fe80:", "fd", "fc", "20", "2a", "26", "24", "28"))
    digits = any(mark.isdigit() for mark in written)
    formed = len(groups) >= 3 or "." in written or (known and len(groups) == 2)
    if digits and formed and not value.is_loopback:
        yield Span("ip", found.start(), found.start() + len(written), str(value))
