"""Documents with headings: each section is cut by itself, the path of its headings its title."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ftc.prep.collect.piece import Piece
from ftc.prep.collect.prose import Block, cut
from ftc.prep.rows import Medium
from ftc.preparation.collect import Collect

BETWEEN = " > "


class Heading(NamedTuple):
    """A heading; `level` counts from 1; 0 is the title of the whole."""

    level: int
    text: str
    place: str


def pieces(
    items: Iterable[Heading | Block], settings: Collect, medium: Medium, title: str = ""
) -> Iterator[Piece]:
    """Chunks of a document. `title` is that of the whole, used where no heading stands.

    A heading with nothing below it is a chunk of its own, so that it is not lost.
    """
    path: list[Heading] = []
    held: list[Block] = []
    for item in items:
        if isinstance(item, Block):
            held.append(item)
            continue
        if held or not path or path[-1].level >= item.level:
            yield from _section(path, held, settings, medium, title)
        held = []
        path = [*(above for above in path if above.level < item.level), item]
    yield from _section(path, held, settings, medium, title)


def _section(
    path: list[Heading], held: list[Block], settings: Collect, medium: Medium, title: str
) -> Iterator[Piece]:
    if not held and path:
        held, path = [Block(path[-1].place, path[-1].text)], path[:-1]
    named = BETWEEN.join(heading.text for heading in path) or title
    for block in cut(held, settings):
        yield Piece(block.place, ("chunk", block.text), named, medium, recoded=block.recoded)
