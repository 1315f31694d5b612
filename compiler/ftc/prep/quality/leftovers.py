"""What cleaning should have taken out of an answer, and did not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ftc.prep.diversity.measures import having, matches
from ftc.prep.quality import phrases
from ftc.prep.quality.view import Found, View

TAGS = (
    r"</?(?:p|div|span|br|a|li|ul|ol|td|tr|th|table|h[1-6]|b|i|u|strong|em|img|script|style|font|"
    r"section|article|footer|header|nav)(?:\s[^<>]{0,200})?/?>|&(?:nbsp|amp|lt|gt|quot|#\d{1,6});"
)
PLACEHOLDER = r"\[[A-Z][A-Z_]+_[0-9A-Za-z]+\]"
MANY = 3  # placeholders, from which their share counts
SHARE = 0.1  # of the words; judgment
_CODE = re.compile(r"```.*?(?:```|$)|`[^`\n]*`", re.DOTALL)
_TAGS = re.compile(TAGS, re.IGNORECASE)
_MARKUP = re.compile(r"html|xml|css|markup|web ?page|tag|escape|encod|&", re.IGNORECASE)


def mojibake(seen: View) -> Iterator[Found]:
    """Characters of an answer were read in the wrong encoding."""
    hits = having(seen.answers, phrases.pattern("mojibake"), cased=True)
    for pair, row in seen.pairs(hits):
        found = phrases.compiled("mojibake", cased=True).search(seen.said.answers[pair])
        if found:
            start = max(found.start() - 10, 0)
            yield Found(row, 1.0, repr(seen.said.answers[pair][start : found.end() + 10]))


def html_left(seen: View) -> Iterator[Found]:
    """Tags or entities of HTML stand outside code, where nobody asked for markup."""
    for pair, row in seen.where(TAGS, documents=True):
        if seen.tasks[row] == "code" or _MARKUP.search(seen.said.prompts[pair]):
            continue
        found = _TAGS.search(_CODE.sub("", seen.said.answers[pair]))
        if found:
            yield Found(row, 1.0, found.group()[:60])


def many_placeholders(seen: View) -> Iterator[Found]:
    """Placeholders of removed data make up a tenth of an answer, or filler text stands in it."""
    counts = matches(seen.answers, PLACEHOLDER)
    for pair, row in seen.pairs((counts >= MANY) & (counts > SHARE * seen.words)):
        yield Found(row, 1.0, f"{counts[pair]} in {seen.words[pair]:.0f} words")
    for pair, row in seen.where(r"lorem ipsum dolor"):
        if "lorem" not in seen.said.prompts[pair].lower():
            yield Found(row, 1.0, "lorem ipsum")


def boilerplate(seen: View) -> Iterator[Found]:
    """Lines that web pages and mails have around their text."""
    found = phrases.compiled("boilerplate")
    for pair, row in seen.where(phrases.pattern("boilerplate"), documents=True):
        hit = found.search(seen.said.answers[pair])
        if hit and not found.search(seen.said.prompts[pair]):
            yield Found(row, 1.0, hit.group())
