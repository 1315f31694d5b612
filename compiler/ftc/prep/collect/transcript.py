"""Transcripts in plain text, as Zoom, Teams and others write them, known by their lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ftc.prep.collect.encoding import Line
from ftc.prep.collect.piece import Bad, Found
from ftc.prep.collect.turns import Part, Turn, pieces
from ftc.preparation.collect import Collect

LOOKED_AT = 200  # lines that are not blank
_TIME = r"(?P<time>\d{1,3}:\d\d(?::\d\d)?(?:[.,]\d{1,3})?(?: ?[AaPp]\.?[Mm]\.?)?)"
_NAME = r"(?P<name>[^\W\d_][\w.'\u2019&()/ -]{0,58}?)"
_SHORT = r"(?P<name>[^\W\d_][\w.'\u2019-]*(?: [\w.'\u2019()-]+){0,3})"


class Shape(NamedTuple):
    """`line` is how a turn begins; what is said stands in `text`, and on the lines below.

    `share`: of all lines, how many begin turns at least.
    """

    name: str
    line: re.Pattern[str]
    share: float


SHAPES = (
    Shape(  # 10:01:02 From Anna to Everyone: text
        "zoom chat",
        re.compile(_TIME + r"\s+From\s+" + _NAME + r"(?:\s+[Tt]o\s+[^:]{1,60})?\s*:(?P<text>.*)$"),
        0.2,
    ),
    Shape(  # [Anna] 10:01:02
        "zoom captions", re.compile(r"\[" + _NAME + r"\]\s+" + _TIME + r"\s*(?P<text>)$"), 0.2
    ),
    Shape(  # 00:01:02 Anna: text    [00:01:02] Anna: text
        "stamped",
        re.compile(r"[\[(]?" + _TIME + r"[\])]?\s*[-–]?\s+" + _NAME + r"\s*:(?:\s+(?P<text>.*))?$"),
        0.3,
    ),
    Shape(  # Anna (00:01:02): text    Anna [0:12]: text
        "stamped behind",
        re.compile(_NAME + r"\s*[\[(]" + _TIME + r"[\])]\s*:?\s*(?P<text>.*)$"),
        0.2,
    ),
    Shape(  # Anna  0:12
        "teams", re.compile(_NAME + r"(?:\s{2,}|\t\s*| - | )" + _TIME + r"\s*(?P<text>)$"), 0.15
    ),
    Shape("tagged", re.compile(_SHORT + r"\s?:(?:\s+(?P<text>.*))?$"), 0.6),  # Anna: text
)
_ALONE = 1  # turns that make a transcript when they are nearly all that a file holds


def shape(lines: Iterable[str]) -> Shape | None:
    """The first shape that enough of a file's first lines have.

    Without times, one name has to come back, so that a list of `Name: value` is none.
    """
    looked = [line for line in (text.strip() for text in lines) if line][:LOOKED_AT]
    for known in SHAPES:
        hits = [match for line in looked if (match := known.line.match(line))]
        if len(hits) < max(known.share * len(looked), _ALONE):
            continue
        if known.name == "tagged":
            names = Counter(match["name"] for match in hits)
            if len(names) < 2 or sum(count for count in names.values() if count > 1) < 0.5 * len(
                hits
            ):
                continue
        elif len(hits) == 1 and not known.line.match(looked[0]):
            continue
        return known
    return None


def read(lines: Iterable[Line | Bad], form: Shape, settings: Collect) -> Iterator[Found]:
    """Chunks of a transcript; places are times, or numbers of lines where none stand."""
    bad: list[Bad] = []
    for piece in pieces(turns(lines, form, bad), settings):
        yield piece
        yield from bad
        bad.clear()
    yield from bad


def turns(lines: Iterable[Line | Bad], form: Shape, bad: list[Bad]) -> Iterator[Turn]:
    """Turns in order; what stands before the first one is a turn of nobody."""
    speaker = ""
    held: list[Part] = []
    place = ""
    for line in lines:
        if isinstance(line, Bad):
            bad.append(line)
            continue
        text = line.text.strip()
        if not text:
            continue
        match = form.line.match(text)
        if match:
            if held:
                yield Turn(speaker, tuple(held), "\n")
            speaker, held = match["name"].strip(), []
            place = _time(match) or f"line {line.number}"
            text = (match["text"] or "").strip()
            if not text:
                held = []
                continue
        held.append(Part(place or f"line {line.number}", text, line.recoded))
    if held:
        yield Turn(speaker, tuple(held), "\n")


def _time(match: re.Match[str]) -> str:
    """The time as hh:mm:ss where it can be one; 0:12 is minutes and seconds."""
    found = match.groupdict().get("time") or ""
    parts = re.split("[:.,]", found)
    if not found or not all(part.isdigit() for part in parts):
        return found
    clock = found.replace(",", ".").split(".")[0].split(":")
    clock = ["0", *clock] if len(clock) == 2 else clock
    return ":".join(part.zfill(2) for part in clock)
