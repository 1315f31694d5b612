"""Turns of talk to chunks: cut between turns, within one only where it is longer than a chunk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ftc.prep.collect.piece import Piece
from ftc.prep.collect.prose import Block, cut, words
from ftc.preparation.collect import Collect

_ENDS = (".", "!", "?", "…", "。", "\uff01", "\uff1f")


class Part(NamedTuple):
    """What was said at one time: a line of a transcript, a subtitle."""

    place: str
    text: str
    recoded: int = 0


class Turn(NamedTuple):
    """What one speaker said; "" where no name stands. `glue` joins the parts."""

    speaker: str
    parts: tuple[Part, ...]
    glue: str = " "

    def text(self) -> str:
        """The turn as a line of a chunk."""
        said = self.glue.join(part.text for part in self.parts)
        return f"{self.speaker}: {said}" if self.speaker else said


def pieces(turns: Iterable[Turn], settings: Collect) -> Iterator[Piece]:
    """Chunks of `Name: text` lines; the place is the first time that is new, else line.

    From the second chunk on, `extra` says which part of the recording it is.
    """
    number = 1
    overlap = min(settings.overlap, settings.max_words // 2)
    held: list[tuple[Turn, int]] = []
    new = size = 0  # `new`: how many turns at the start of `held` the last chunk had too
    for turn in turns:
        for part in _within(turn, settings):
            count = words(part.text())
            if held and size + count > settings.max_words:
                yield _piece(held, new, number)
                number += 1
                held = _last(held, min(overlap, settings.max_words - count))
                new, size = len(held), sum(kept for _, kept in held)
            held.append((part, count))
            size += count
    if held:
        yield _piece(held, new, number)


def _piece(held: list[tuple[Turn, int]], new: int, number: int) -> Piece:
    text = "\n".join(turn.text() for turn, _ in held)
    recoded = sum(part.recoded for turn, _ in held[new:] for part in turn.parts)
    places = [part.place for turn, _ in held[new:] for part in turn.parts]
    place = next((place for place in places if ":" in place), places[0])  # a time, if there is one
    extra = {"part": number} if number > 1 else {}
    return Piece(place, ("chunk", text), medium="transcript", extra=extra, recoded=recoded)


def _last(held: list[tuple[Turn, int]], overlap: int) -> list[tuple[Turn, int]]:
    kept: list[tuple[Turn, int]] = []
    for item in reversed(held):
        overlap -= item[1]
        if overlap < 0:
            break
        kept.insert(0, item)
    return kept


def _within(turn: Turn, settings: Collect) -> Iterator[Turn]:
    """The turn, or parts of it that fit: cut behind a sentence's end in the last third."""
    room = settings.max_words - words(turn.speaker)
    held: list[Part] = []
    size = 0
    for part in turn.parts:
        for short in _short(part, settings, room):
            count = words(short.text)
            if held and size + count > room:
                end = _sentence_end(held)
                yield turn._replace(parts=tuple(held[:end]))
                held = held[end:]
                size = sum(words(kept.text) for kept in held)
            held.append(short)
            size += count
    if held:
        yield turn._replace(parts=tuple(held))


def _short(part: Part, settings: Collect, room: int) -> Iterator[Part]:
    if words(part.text) <= room:
        yield part
        return
    narrow = settings.model_copy(update={"max_words": max(room, 1), "overlap": 0})
    for block in cut([Block(part.place, part.text, part.recoded)], narrow):
        yield Part(block.place, block.text, block.recoded)


def _sentence_end(held: list[Part]) -> int:
    for end in range(len(held), len(held) * 2 // 3, -1):
        if held[end - 1].text.rstrip("\"'”\u2019)").endswith(_ENDS):
            return end
    return len(held)
