"""Subtitles, .srt and .vtt, by webvtt-py: cues of one speaker in a row become one turn."""

from __future__ import annotations

import html
import io
import re
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
_NAMED = re.compile(r"([^\W\d_][\w.'\u2019 -]{0,38}[\w.)]|[^\W\d_]): +(?=\S)")  # Zoom writes so
_ARROW = "-->"


class Cue(NamedTuple):
    """One subtitle; times are in seconds."""

    place: str
    start: float
    end: float
    speaker: str
    text: str


def read(file: Opened, settings: Collect) -> Iterator[Found]:
    """Chunks of a file of subtitles; places are the times at which they begin."""
    text, recoded = encoding.text(file.whole())
    text = text.strip()
    cues = list(_cues(text, "srt" if file.suffix == ".srt" else "vtt"))
    kept, repeated = _rolled(cues)
    if repeated:
        yield Count("collect.lines.repeated", repeated)
    if not kept:
        raise Unreadable("no text in the subtitles")
    for piece in pieces(_turns(kept), settings):
        yield piece._replace(recoded=recoded)
        recoded = 0
    lost = sum(_ARROW in line for line in text.split("\n")) - len(cues)
    if lost > 0:
        yield Bad("", "subtitles without text or valid times", f"{lost} of {lost + len(cues)}")


def _cues(text: str, kind: str) -> Iterator[Cue]:
    if kind == "vtt" and not text.startswith("WEBVTT") and _ARROW in text:
        text = f"WEBVTT\n\n{text}"  # some programs leave the first line out
    if kind == "srt" and text.startswith("WEBVTT"):
        kind = "vtt"
    try:
        captions = webvtt.WebVTT.from_buffer(io.StringIO(text), format=kind).captions
    except (MalformedFileError, MalformedCaptionError) as error:
        raise Unreadable("broken subtitles", str(error).splitlines()[0][:200]) from error
    for caption in captions:
        said = "\n".join(_plain(line) for line in caption.text.split("\n"))
        named = _NAMED.match(said)
        speaker = _plain(caption.voice or "") or (named[1] if named else "")
        said = said[named.end() :] if named and not caption.voice else said
        place = caption.start.split(".")[0]
        yield Cue(place, _seconds(caption.start), _seconds(caption.end), speaker, said.strip())


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
        lines = [line for line in cue.text.split("\n") if line]
        if shown and lines and lines[0] == shown and cue.start <= until + 0.1:
            lines, repeated = lines[1:], repeated + 1
        shown, until = lines[-1] if lines else shown, cue.end
        if lines:
            kept.append(cue._replace(text=" ".join(lines)))
    return kept, repeated


def _turns(cues: list[Cue]) -> Iterator[Turn]:
    held: list[Cue] = []
    for cue in cues:
        if held and (
            cue.speaker != held[-1].speaker
            or (not cue.speaker and cue.start - held[-1].end > PAUSE)
        ):
            yield _turn(held)
            held = []
        held.append(cue)
    yield _turn(held)


def _turn(held: list[Cue]) -> Turn:
    return Turn(held[0].speaker, tuple(Part(cue.place, cue.text) for cue in held))
