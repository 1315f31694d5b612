"""Marks each token of a backend's row with its kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from ftc.parity.places import Borders, Place, places
from ftc.parity.reader import Reader
from ftc.parity.records import UNTRAINED, Row
from ftc.parity.sources import Content, Kind


@dataclass(frozen=True)
class Token:
    """One token of a row; `content` is the number of the content that it is of, -1 for none."""

    id: int
    text: str
    trained: bool
    kind: Kind
    content: int


@dataclass(frozen=True)
class Marked:
    """A row's tokens, and where the contents of its source stand in its text.

    `closed` says of the turn of each answer whether its end is trained on; a turn without an end
    is not in it.
    """

    tokens: tuple[Token, ...]
    places: tuple[Place, ...]
    closed: dict[int, bool]


def marked(row: Row, contents: Sequence[Content], reader: Reader) -> Marked:
    """The tokens of a row that was made from these contents.

    A token that is partly of a content counts as of it. A special token stays "control" inside a
    content, where it is rarely meant.
    """
    texts = reader.texts(row.ids)
    ends = list(accumulate(map(len, texts)))
    borders = _borders(row, ends, texts, reader)
    found = places("".join(texts), borders, contents, reader.rewritten)
    tokens = [
        Token(number, text, label != UNTRAINED, _kind(number, owner, contents, reader), owner)
        for number, text, label, owner in zip(
            row.ids, texts, row.labels, _owners(texts, found), strict=True
        )
    ]
    closed = {}
    for turn, last in _answers(tokens, contents).items():
        end = _end(tokens, last, reader)
        if end:
            closed[turn] = tokens[end].trained
            for at in _closing(tokens, end, reader):
                tokens[at] = replace(tokens[at], kind="terminator")
    return Marked(tuple(tokens), tuple(found), closed)


def _borders(row: Row, ends: Sequence[int], texts: Sequence[str], reader: Reader) -> Borders:
    """The row's own start and end, and those of its control tokens."""
    control = [at for at, number in enumerate(row.ids) if number in reader.control]
    last = ends[-1] if ends else 0
    starts = {ends[at] - len(texts[at]) for at in control}
    return Borders(frozenset({last} | starts), frozenset({0} | {ends[at] for at in control}))


def _owners(texts: Sequence[str], found: Sequence[Place]) -> Iterator[int]:
    """The number of the content that each token is of; a part of a character is of its start's."""
    start, owner, waiting = 0, -1, list(reversed(found))
    for text in texts:
        end = start + len(text)
        while waiting and waiting[-1].end <= start:
            waiting.pop()
        if text:
            owner = waiting[-1].content if waiting and waiting[-1].start < end else -1
        yield owner
        start = end


def _kind(number: int, owner: int, contents: Sequence[Content], reader: Reader) -> Kind:
    if reader.control.get(number, False) or (owner < 0 and number in reader.control):
        return "control"
    return "template" if owner < 0 else contents[owner].kind


def _answers(tokens: Sequence[Token], contents: Sequence[Content]) -> dict[int, int]:
    """The last token of each answer, by its turn."""
    return {
        contents[token.content].turn: at
        for at, token in enumerate(tokens)
        if token.content >= 0 and contents[token.content].kind == "answer"
    }


def _end(tokens: Sequence[Token], last: int, reader: Reader) -> int:
    """The token that ends the turn whose contents end at `last`; 0 when there is none."""
    for at in range(last + 1, len(tokens)):
        if tokens[at].content >= 0:
            return 0
        if tokens[at].id in reader.ends:
            return at
    return 0


def _closing(tokens: Sequence[Token], end: int, reader: Reader) -> Iterator[int]:
    """The end of a turn, and what a backend trains on after it: a line break, a second end."""
    yield end
    for at in range(end + 1, len(tokens)):
        blank = not tokens[at].text.strip()
        if not (tokens[end].trained and tokens[at].trained and tokens[at].content < 0):
            return
        if not (blank or tokens[at].id in reader.ends):
            return
        yield at
