"""Rule "replies": e-mails that quote a question and answer it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import NamedTuple

from ftc.prep.annotate.draft import Draft
from ftc.prep.rows import Row
from ftc.preparation.annotate import Annotate

WROTE = re.compile(  # "On Monday, Ann wrote:", in six languages
    r"^.{0,200}\b(?:wrote|schrieb|a écrit|escribió|ha scritto|schreef)\b.{0,80}:[ \t]*$"
)


class _Part(NamedTuple):
    """Lines in a row that are all quoted, or all not."""

    quoted: bool
    text: str
    start: int
    end: int


def drafts(row: Row, settings: Annotate) -> Iterator[Draft]:
    """Each quoted part with a question, and what is said below it; or above, where that is all.

    What a quote quotes in its turn (">>") is left out.
    """
    if row.medium != "mail":
        return
    parts = [part for part in _parts(row.turns[0][1]) if part.text]
    below = [
        (quote, answer) for quote, answer in pairwise(parts) if quote.quoted and not answer.quoted
    ]
    above = [] if below else [(parts[1], parts[0])] if len(parts) == 2 else []
    for quote, answer in [*below, *above]:
        if quote.quoted and "?" in quote.text:
            evidence = (min(quote.start, answer.start), max(quote.end, answer.end))
            yield Draft(quote.text, answer.text, evidence)


def _parts(text: str) -> Iterator[_Part]:
    lines: list[tuple[str, int]] = []
    start = 0
    for line in text.splitlines(keepends=True):
        lines.append((line, start))
        start += len(line)
    for quoted, group in groupby(lines, lambda it: it[0].lstrip().startswith(">")):
        found = list(group)
        said = [_unquoted(line) if quoted else line.rstrip("\r\n") for line, _ in found]
        kept = [line for line in said if line is not None and not WROTE.match(line)]
        end = found[-1][1] + len(found[-1][0].rstrip())
        yield _Part(quoted, "\n".join(kept).strip(), found[0][1], end)


def _unquoted(line: str) -> str | None:
    bare = line.strip().removeprefix(">").removeprefix(" ")
    return None if bare.lstrip().startswith(">") else bare
