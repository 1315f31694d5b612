"""Plain text: paragraphs are what stands between blank lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ftc.prep.collect.encoding import Line
from ftc.prep.collect.piece import Bad, Found, Piece
from ftc.prep.collect.prose import Block, cut
from ftc.preparation.collect import Collect

PARAGRAPH_SIGNS = 2**20  # a longer one is handed on in parts, so that it need not be held whole


def read(lines: Iterable[Line | Bad], settings: Collect) -> Iterator[Found]:
    """Chunks of a text file; places are the numbers of first lines."""
    bad: list[Bad] = []
    for block in cut(paragraphs(lines, bad), settings):
        yield Piece(block.place, ("chunk", block.text), recoded=block.recoded)
        yield from bad
        bad.clear()
    yield from bad


def paragraphs(lines: Iterable[Line | Bad], bad: list[Bad]) -> Iterator[Block]:
    """Paragraphs in order; places that cannot be read are put into `bad`."""
    held: list[str] = []
    start, size, recoded, glue = 0, 0, 0, "\n\n"
    for line in lines:
        if isinstance(line, Bad):
            bad.append(line)
            continue
        text = line.text.rstrip()
        if held and (not text or size > PARAGRAPH_SIGNS):
            yield Block(f"line {start}", "\n".join(held), recoded, glue)
            held, size, recoded, glue = [], 0, 0, "\n" if text else "\n\n"
        if text:
            start = start if held else line.number
            held.append(text.replace("\r", "\n"))
            size += len(text)
            recoded += line.recoded
        else:
            glue = "\n\n"
    if held:
        yield Block(f"line {start}", "\n".join(held), recoded, glue)
