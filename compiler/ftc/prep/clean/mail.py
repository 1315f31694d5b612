"""What surrounds the message of an e-mail: signatures, quoted mails, disclaimers.

`mail-parser-reply` finds where the newest message ends. Its word is a proposal: it takes any line
that begins with "Thanks," or "Tak" for the start of a signature, so what it would cut is looked at.
"""

from __future__ import annotations

import re
from functools import cache, partial

from mailparser_reply import EmailReplyParser
from mailparser_reply.constants import MAIL_LANGUAGES
from mailparser_reply.parser import EmailMessage

from ftc.prep.clean import patterns
from ftc.prep.clean.batch import Batch, Mask

SIGNATURES = "signatures"
QUOTED = "quoted"
_DASHES = re.compile(r"^-- ?(?:\n|\Z)", re.M)
_QUOTE = re.compile(r"^ ?>")
_PROMPT = re.compile(r"^ ?>>> ")
_LONGEST = 2_000  # characters of a line; patterns of the library are quadratic in it
_SIGNATURE_LINES = 12  # judgment: more is text
_SIGNOFF_WORDS = 6  # judgment: "Mit freundlichen Grüßen / Best regards," has six
_NAME_WORDS = 8  # in a line of a signature: judgment


def clean(
    batch: Batch, mail: Mask, language: str | None, *, signatures: bool, quoted: bool
) -> None:
    """Cut quoted mails, then signatures, from the turns of e-mails."""
    if quoted:
        gate = patterns.gate(("mail", "headers"), ("mail", "separators")) + r"|^ ?>"
        batch.rewrite(QUOTED, batch.matching(gate, mail), partial(unquoted, language=language))
    if signatures:
        gate = patterns.gate(("mail", "signoffs")) + "|^-- ?$"
        batch.rewrite(SIGNATURES, batch.matching(gate, mail), partial(unsigned, language=language))


@cache
def _languages(language: str | None) -> tuple[str, ...]:
    known = ("de", "fr", "es", "it", "nl") if language is None else (language,)
    return ("en", *(name for name in known if name != "en" and name in MAIL_LANGUAGES))


def _read(text: str, language: str | None) -> EmailMessage:
    """The text as the library parts it; hyphens begin lists, not signatures."""
    parser = EmailReplyParser(languages=list(_languages(language)))
    return EmailMessage(text=text, languages=parser.languages, keep_hyphen_lists=True).read()


def unquoted(text: str, language: str | None = None) -> str:
    """The newest message: without what it quotes, with answers between quotes kept."""
    separator = patterns.line("mail", "separators").search(text)
    if separator and text[: separator.start()].strip():
        text = text[: separator.start()].rstrip()
    lines = text.rstrip().split("\n")
    if max(map(len, lines)) > _LONGEST:
        return text
    replies = _read("\n".join(lines), language).replies
    headers = [reply.headers for reply in replies if reply.headers]
    headers += patterns.line("mail", "wrote").findall(text)
    kept = _unquoted_lines(lines, headers)
    return text if len(kept) == len(lines) else re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def _unquoted_lines(lines: list[str], headers: list[str]) -> list[str]:
    """Without lines that begin with `>`, and without headers and all below them that has no `>`."""
    if all(_PROMPT.match(line) for line in lines if _QUOTE.match(line)) and not headers:
        return lines  # what somebody typed into Python
    kept: list[str] = []
    starts = [header.strip().split("\n") for header in headers]
    at = 0
    while at < len(lines):
        here = next((s for s in starts if _stands(lines, at, s)), None)
        if here is not None:
            below = lines[at + len(here) :]
            if not any(_QUOTE.match(line) for line in below):
                break
            at += len(here)
            continue
        if not _QUOTE.match(lines[at]):
            kept.append(lines[at])
        at += 1
    return kept if any(line.strip() for line in kept) else lines


def _stands(lines: list[str], at: int, header: list[str]) -> bool:
    return [line.strip() for line in lines[at : at + len(header)]] == [h.strip() for h in header]


def unsigned(text: str, language: str | None = None) -> str:
    """The message without its signature: below `-- `, or a line such as "Best regards," on."""
    dashes = _DASHES.search(text)
    if dashes and text[: dashes.start()].strip():
        below = text[dashes.end() :].strip().split("\n")
        if len(below) <= _SIGNATURE_LINES:
            text = text[: dashes.start()].rstrip()
    lines = text.rstrip().split("\n")
    if max(map(len, lines)) > _LONGEST:
        return text
    at = max(0, len(lines) - _SIGNATURE_LINES - 1)  # no more than this is ever cut
    while (found := _signature(lines[at:], language)) is not None:
        at += found
        if _signs(lines[at:]) and any(line.strip() for line in lines[:at]):
            return "\n".join(lines[:at]).rstrip()
    return text


def _signature(lines: list[str], language: str | None) -> int | None:
    """The line, after the first, at which the library or our list sees a signature begin."""
    replies = _read("\n".join(lines), language).replies
    signature = next((reply.signatures for reply in replies if reply.signatures), "")
    first = signature.split("\n")[0].strip()
    for at in range(1, len(lines)):
        line = lines[at].strip()
        if (first and line == first) or _closing().match(line):
            return at
    return None


@cache
def _closing() -> re.Pattern[str]:
    return re.compile(rf"(?:{patterns.parts('mail', 'closings')})(?:[,.!]|\Z)", re.I)


def _signs(lines: list[str]) -> bool:
    """Is it a sign-off, alone or with names on its line, with only short lines below it?"""
    words = lines[0].split()
    called = lines[0].partition(",")[2].split()
    if not any(map(str.isalpha, lines[0])):
        return False  # a rule, which may underline a heading
    alone = len(words) <= _SIGNOFF_WORDS and not lines[0].rstrip().endswith((".", "?", ":"))
    named = all(word[0].isupper() for word in called)
    return alone and named and all(_short(line) for line in lines[1:] if line.strip())


def _short(line: str) -> bool:
    words = line.split()
    return len(words) <= _NAME_WORDS or "@" in line or "|" in line or "·" in line
