"""Cuts text into chunks of so many words: between paragraphs, then sentences, lines, words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ftc.preparation.collect import Collect

_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_CJK_WORD = 2  # signs (judgment)
_LONG_WORD = 32  # signs that count as a word where no white space stands (judgment)
_SENTENCE = re.compile(
    r"(?<=[.!?…])[\"'”\u2019»)\]]*(\s+)(?=[^\sa-z])"
    r"|(?<=[。\uff01\uff1f])(\s*)(?=[^\s」』”\u2019\uff09])"
)
_LINE = re.compile(r"(\n\s*)")
_WORD = re.compile(r"(\s+)")


class Block(NamedTuple):
    """A paragraph, a table, a piece of code. `glue` stands between it and the one before."""

    place: str
    text: str
    recoded: int = 0
    glue: str = "\n\n"


def words(text: str) -> int:
    """Words by white space; two signs a word in scripts that write none."""
    count = len(text.split())
    if not text.isascii():
        count += len(_CJK.findall(text)) // _CJK_WORD
    return max(count, len(text) // _LONG_WORD)


def cut(blocks: Iterable[Block], settings: Collect) -> Iterator[Block]:
    """Chunks of at most `max_words`; nothing is lost, and nothing repeated but the overlap."""
    limit = settings.max_words
    overlap = min(settings.overlap, limit // 2)
    held: list[Block] = []
    size = 0
    for block in blocks:
        for part, count in _parts(block, limit):
            if held and size + count > limit:
                chunk = joined(held)
                yield chunk
                held = _tail(chunk, min(overlap, limit - count), part.place)
                size = sum(words(kept.text) for kept in held)
            held.append(part)
            size += count
    if held:
        yield joined(held)


def joined(blocks: Sequence[Block]) -> Block:
    """Blocks as one, at the place of the last overlapping or first block."""
    text = blocks[0].text + "".join(block.glue + block.text for block in blocks[1:])
    return Block(blocks[0].place, text, sum(block.recoded for block in blocks))


def sentences(text: str) -> list[tuple[str, str]]:
    """(white space before, sentence) pairs that make up the text."""
    return _split(text, _SENTENCE)


def _parts(block: Block, limit: int) -> Iterator[tuple[Block, int]]:
    """The block, or pieces of it that are no longer than `limit`, with their words."""
    count = words(block.text)
    if count <= limit:
        yield block, count
        return
    pieces = _pieces(block.text, limit, (_SENTENCE, _LINE, _WORD))
    for number, (glue, piece) in enumerate(pieces):
        part = Block(block.place, piece, 0, glue)
        if number == 0:
            part = part._replace(recoded=block.recoded, glue=block.glue)
        yield part, words(piece)


def _pieces(
    text: str, limit: int, patterns: tuple[re.Pattern[str], ...]
) -> Iterator[tuple[str, str]]:
    if words(text) <= limit:
        yield "", text
        return
    if not patterns:
        step = limit * _LONG_WORD if text.isascii() else (limit - 1) * _CJK_WORD
        for start in range(0, len(text), step):
            yield "", text[start : start + step]
        return
    for glue, piece in _split(text, patterns[0]):
        for inner, part in _pieces(piece, limit, patterns[1:]):
            yield (glue or inner), part
            glue = ""


def _split(text: str, pattern: re.Pattern[str]) -> list[tuple[str, str]]:
    found = []
    start, glue = 0, ""
    for match in pattern.finditer(text):
        place, end = match.span(match.lastindex or 0)
        if place > start:
            found.append((glue, text[start:place]))
            start, glue = end, text[place:end]
    found.append((glue, text[start:]))
    return [pair for pair in found if pair[1]]


def _tail(chunk: Block, overlap: int, place: str) -> list[Block]:
    """The last sentences of a chunk that hold no more than `overlap` words."""
    if overlap <= 0:
        return []
    kept: list[str] = []
    size = 0
    for glue, sentence in reversed(sentences(chunk.text)):
        size += words(sentence)
        if size > overlap:
            break
        kept.append(glue + sentence)
    text = "".join(reversed(kept)).strip()
    return [Block(place, text)] if text else []
