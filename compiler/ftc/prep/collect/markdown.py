"""Markdown: headings, paragraphs, and code between fences, which is kept in one piece."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ftc.prep.collect.encoding import Line
from ftc.prep.collect.piece import Bad, Found
from ftc.prep.collect.prose import Block
from ftc.prep.collect.sections import Heading, pieces
from ftc.preparation.collect import Collect

_ATX = re.compile(r" {0,3}(#{1,6})\s")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})\s*$")
_NO_TITLE = re.compile(r"\s*([-*+>|]|\d+[.)]\s|<)")
_TITLE = re.compile(r"title\s*:\s*(.+)")
_FRONT = "---"


def read(lines: Iterable[Line | Bad], settings: Collect) -> Iterator[Found]:
    """Chunks of a Markdown file; front matter goes into `extra` of the first."""
    held = list(lines)
    bad = [line for line in held if isinstance(line, Bad)]
    good = [line for line in held if isinstance(line, Line)]
    front, good = _front_matter(good)
    title = next((m[1].strip("\"' ") for line in front if (m := _TITLE.match(line))), "")
    extra = {"front_matter": "\n".join(front)} if front else {}
    for piece in pieces(items(good), settings, "prose", title):
        yield piece._replace(extra=extra)
        extra = {}
    yield from bad


def items(lines: Iterable[Line]) -> Iterator[Heading | Block]:
    """Headings and blocks in order; places are the numbers of first lines."""
    held: list[Line] = []
    fence = ""
    for line in lines:
        mark = _FENCE.match(line.text)
        if fence:
            held.append(line)
            if mark and mark[1].startswith(fence) and not line.text.strip().strip(fence[0]):
                yield from _block(held)
                held, fence = [], ""
        elif mark:
            yield from _block(held)
            held, fence = [line], mark[1]
        elif (heading := _heading(line, held)) is not None:
            yield from _block(held[: -1 if heading.place != _place(line) else None])
            yield heading
            held = []
        elif line.text.strip():
            held.append(line)
        else:
            yield from _block(held)
            held = []
    yield from _block(held)


def _heading(line: Line, held: list[Line]) -> Heading | None:
    """`# Title`, or the line before when this one underlines it."""
    if match := _ATX.match(line.text):
        text = line.text[match.end() :].strip()
        bare = text.rstrip("#")
        text = bare.rstrip() if not bare or bare[-1].isspace() else text
        return Heading(len(match[1]), text, _place(line)) if text else None
    under = _UNDERLINE.match(line.text)
    if under and len(held) == 1 and not _NO_TITLE.match(held[0].text):
        return Heading(1 if under[1][0] == "=" else 2, held[0].text.strip(), _place(held[0]))
    return None


def _block(held: list[Line]) -> Iterator[Block]:
    text = "\n".join(line.text.rstrip() for line in held)
    if text.strip():
        yield Block(_place(held[0]), text, sum(line.recoded for line in held))


def _front_matter(lines: list[Line]) -> tuple[list[str], list[Line]]:
    if lines and lines[0].text.rstrip() == _FRONT:
        for end, line in enumerate(lines[1:], 1):
            if line.text.rstrip() == _FRONT:
                return [line.text for line in lines[1:end]], lines[end + 1 :]
            if not line.text.strip():
                break
    return [], lines


def _place(line: Line) -> str:
    return f"line {line.number}"
