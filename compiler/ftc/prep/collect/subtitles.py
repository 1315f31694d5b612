"""Subtitles, .srt and .vtt, by webvtt-py: cues of one speaker in a row become one turn."""

from __future__ import annotations

import html
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import webvtt
from webvtt.errors import MalformedCaptionError, MalformedFileError

from ftc.prep.collect import encoding
from ftc.prep.collect.opened import Opened
from ftc.prep.collect.piece import Bad, Count, Found, Unreadable
from ftc.prep.collect.turns import Part, Turn, pieces
from ftc.preparation.collect import Collect

PAUSE = 2.0  # seconds of silence after which a line of its own begins (judgment)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|\{\\[^{}]*\}")
_NAMED = re.compile(  # up to four words that begin with capitals or digits: Zoom writes so
    r"([^\W\d_a-z][\w.'\u2019-]*(?: [^\W_a-z][\w.'\u2019()-]*){0,3}): +(?=\S)"
)
_MARK = re.compile(r">{2,3}\s*|[-\u2013\u2014]\s+(?=\S)")
_ARROW = "-->"


class Cue(NamedTuple):
    """What one speaker says in one subtitle; times are in seconds."""

    place: str
    start: float
    end: float
    lines: tuple[str, ...]
    speaker: str = ""
    begins: bool = False  # somebody, with a name or without, begins to speak


def read(file: Opened, settings: Collect) -> Iterator[Found]:
    """Chunks of a file of subtitles; places are the times at which they begin."""
    text, recoded = encoding.text(file.whole())
    text = text.strip()
    cues = _cues(text, "srt" if file.suffix == ".srt" else "vtt")
    kept, repeated = _rolled(cues)
    if repeated:
        yield Count("collect.lines.repeated", repeated)
    if not kept:
        raise Unreadable("no text in the subtitles")
    names = _names(kept)
    for piece in pieces(_turns(part for cue in kept for part in _parts(cue, names)), settings):
        yield piece._replace(recoded=recoded)
        recoded = 0
    lost = sum(_ARROW in line for line in text.split("\n")) - len(cues)
    if lost > 0:
        yield Bad("", "subtitles without text or valid times", f"{lost} of {lost + len(cues)}")


def _cues(text: str, kind: str) -> list[Cue]:
    if kind == "vtt" and not text.startswith("WEBVTT") and _ARROW in text:
        text = f"WEBVTT\n\n{text}"  # some programs leave the first line out
    if kind == "srt" and text.startswith("WEBVTT"):
        kind = "vtt"
    try:
        captions = webvtt.WebVTT.from_buffer(io.StringIO(text), format=kind).captions
    except (MalformedFileError, MalformedCaptionError) as error:
        raise Unreadable("broken subtitles", str(error).splitlines()[0][:200]) from error
    found = []
    for caption in captions:
        lines = (_plain(line) for line in caption.text.split("\n"))
        voice = _plain(caption.voice or "")
        start, end = _seconds(caption.start), _seconds(caption.end)
        place = caption.start.split(".")[0]
        found.append(Cue(place, start, end, tuple(filter(None, lines)), voice, bool(voice)))
    return found


def _plain(line: str) -> str:
    return html.unescape(_TAG.sub("", line)).strip()


def _seconds(stamp: str) -> float:
    hours, minutes, seconds = stamp.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _rolled(cues: Iterable[Cue]) -> tuple[list[Cue], int]:
    """Cues without the lines that roll up: a cue that begins with the line above it repeats it."""
    kept: list[Cue] = []
    repeated = 0
    shown, until = "", -1.0
    for cue in cues:
        lines = cue.lines
        if shown and lines and lines[0] == shown and cue.start <= until + 0.1:
            lines, repeated = lines[1:], repeated + 1
        shown, until = lines[-1] if lines else shown, cue.end
        if lines:
            kept.append(cue._replace(lines=lines))
    return kept, repeated


def _names(cues: list[Cue]) -> set[str]:
    """Names of speakers: all that lines begin with where most cues do, else those that come back.

    So the first words of `One thing: it is late` are no name.
    """
    found = [match[1] for cue in cues for line in cue.lines if (match := _named(line))]
    often = Counter(found)
    return {name for name, count in often.items() if count > 1 or 2 * len(found) >= len(cues)}


def _named(line: str) -> re.Match[str] | None:
    mark = _MARK.match(line)
    return _NAMED.match(line, mark.end() if mark else 0)


def _parts(cue: Cue, names: set[str]) -> Iterator[Cue]:
    """The cue, or its parts where a line begins with a name, a dash or >> for the next speaker."""
    if cue.speaker:
        yield cue
        return
    held = cue._replace(lines=())
    for line in cue.lines:
        mark = _MARK.match(line)
        named = _named(line)
        named = named if named and (mark or named[1] in names) else None
        said = line[named.end() if named else mark.end() if mark else 0 :]
        if mark or named:
            if held.lines:
                yield held
            held = held._replace(lines=(), speaker=named[1] if named else "", begins=True)
        held = held._replace(lines=(*held.lines, said))
    yield held


def _turns(cues: Iterable[Cue]) -> Iterator[Turn]:
    """Who speaks on goes on; without names, a pause begins a line of its own."""
    held: list[Cue] = []
    for cue in cues:
        if held:
            speaker = held[0].speaker
            other = cue.begins and not (speaker and cue.speaker == speaker)
            if other or (not speaker and cue.start - held[-1].end > PAUSE):
                yield _turn(held)
                held = []
        held.append(cue)
    yield _turn(held)


def _turn(held: list[Cue]) -> Turn:
    parts = (Part(cue.place, " ".join(cue.lines)) for cue in held)
    return Turn(held[0].speaker, tuple(parts))
