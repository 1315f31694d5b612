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


def shape(lines: Iterable[str]) -> Shape | None:
    """The first shape that enough of a file's first lines have.

    Without times, names have to come back, so that a list of `Name: value` is none; with times,
    something has to be said behind them, so that a timetable is none.
    """
    looked = [line for line in (text.strip() for text in lines) if line][:LOOKED_AT]
    return next((known for known in SHAPES if _fits(known, looked)), None)


def _fits(known: Shape, looked: list[str]) -> bool:
    found = [known.line.match(line) for line in looked]
    hits = [match for match in found if match]
    if len(hits) < max(known.share * len(looked), 1):
        return False
    if known.name == "tagged":
        names = Counter(match["name"] for match in hits)
        often = sum(count for count in names.values() if count > 1)
        return len(names) > 1 and often >= len(hits) / 2
    spoken = sum(
        bool(match["text"] or (after is None and i < len(looked)))
        for i, (match, after) in enumerate(zip(found, [*found[1:], None], strict=True), 1)
        if match
    )
    return spoken >= len(hits) / 2 and (len(hits) > 1 or found[0] is not None)


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
    speaker = place = ""
    held: list[Part] = []
    begun: Part | None = None  # the line that began the turn, while nothing is said in it
    for line in lines:
        if isinstance(line, Bad):
            bad.append(line)
            continue
        text = line.text.strip()
        if not text:
            continue
        if match := form.line.match(text):
            yield from _turn(speaker, held, begun)
            speaker, held = match["name"].strip(), []
            place = _time(match) or f"line {line.number}"
            begun = Part(place, text, line.recoded)
            text = (match["text"] or "").strip()
        if text:
            held.append(Part(place or f"line {line.number}", text, line.recoded))
            begun = None
    yield from _turn(speaker, held, begun)


def _turn(speaker: str, held: list[Part], begun: Part | None) -> Iterator[Turn]:
    """A turn, or the line that began it, as it stands, where nothing is said in it."""
    if held:
        yield Turn(speaker, tuple(held), "\n")
    elif begun is not None:
        yield Turn("", (begun,))


def _time(match: re.Match[str]) -> str:
    """The time as hh:mm:ss where it can be one; 0:12 is minutes and seconds."""
    found = match.groupdict().get("time") or ""
    parts = re.split("[:.,]", found)
    if not found or not all(part.isdigit() for part in parts):
        return found
    clock = found.replace(",", ".").split(".")[0].split(":")
    clock = ["0", *clock] if len(clock) == 2 else clock
    return ":".join(part.zfill(2) for part in clock)
