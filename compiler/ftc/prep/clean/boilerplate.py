"""Lines that stand around texts: of web pages, of mail programs, of recorders."""

from __future__ import annotations

import re
from functools import cache

from ftc.prep.clean import patterns
from ftc.prep.clean.batch import Batch, Mask

NAME = "boilerplate"
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n|\Z")
_WEB_LINE = 400  # characters; longer ones are text


def clean(batch: Batch, mail: Mask, web: Mask, spoken: Mask) -> None:
    """Drop the lines and paragraphs that each medium is known for."""
    gate = patterns.gate(("mail", "sent_from"), ("mail", "disclaimers"))
    batch.rewrite(NAME, batch.matching(gate, mail), mail_lines)
    batch.rewrite(
        NAME, batch.matching(patterns.gate(("web", "lines"), start=r"^[ \t]*"), web), web_lines
    )
    gate = patterns.gate(("transcript", "lines")) + r"|[\[(*♪♫]"
    batch.rewrite(NAME, batch.matching(gate, spoken), sounds)


def mail_lines(text: str) -> str:
    """The mail without "Sent from my phone" and without paragraphs that are disclaimers."""
    shorter = patterns.line("mail", "sent_from").sub("", text)
    text = text if shorter == text else shorter.rstrip()
    kept: list[str] = []
    end = 0
    for match in _disclaimer().finditer(text):
        if match.start() >= end:
            kept.append(text[end : match.start()])
            close = _PARAGRAPH_END.search(text, match.end())
            end = close.end() if close else len(text)
    return "".join([*kept, text[end:]]).rstrip() if end else text


def web_lines(text: str) -> str:
    """The page without lines about cookies, rights, sharing and logging in."""
    lines = text.split("\n")
    kept = [line for line in lines if not (len(line) <= _WEB_LINE and _web().match(line.strip()))]
    return text if len(kept) == len(lines) else "\n".join(kept)


def sounds(text: str) -> str:
    """The transcript without "[Music]" and "Captions by"; what is inaudible stays marked."""
    text = patterns.line("transcript", "lines").sub("", text)
    return _sound().sub(_gap, text)


@cache
def _disclaimer() -> re.Pattern[str]:
    return re.compile(rf"(?:\A|(?<=\n))[ \t]*(?:{patterns.parts('mail', 'disclaimers')})", re.I)


@cache
def _web() -> re.Pattern[str]:
    return re.compile(patterns.parts("web", "lines"), re.I)


@cache
def _sound() -> re.Pattern[str]:
    names = patterns.parts("transcript", "sounds")
    return re.compile(
        rf"[ \t]*(?:\[[ \t]*(?:{names})[ \t]*\]|\((?:{names})\)|\*(?:{names})\*"
        r"|[♪♫]+[^♪♫\n]{0,40}[♪♫]+|[♪♫]+)[ \t]*",
        re.I,
    )


def _gap(match: re.Match[str]) -> str:
    before = match.string[match.start() - 1 : match.start()]
    after = match.string[match.end() : match.end() + 1]
    return "" if not before or before == "\n" or not after or after in "\n.,;:!?" else " "
