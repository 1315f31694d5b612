"""Cuts long documents for pre-training into pieces that fit, at word starts where they can be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Protocol

from ftc.data.example import Example
from ftc.data.identity import row_id
from ftc.errors import FtcError

SLACK = 16  # tokens left free in a piece: special tokens, and cuts that change how text is split


class Counter(Protocol):
    """What cutting needs to know of a tokenizer."""

    def document(self, text: str) -> int:
        """Tokens of a document as it is trained, special tokens included."""
        ...

    def starts(self, text: str) -> list[int]:
        """Where each token of a text starts, in characters, in order."""
        ...


def pieces(tokens: int, max_length: int) -> int:
    """How many pieces a document of `tokens` tokens is cut into for rows of `max_length`."""
    if tokens <= max_length:
        return 1
    return -(-tokens // _room(max_length))


def split(examples: Iterable[Example], counter: Counter, max_length: int) -> list[Example]:
    """Each document whole, or in as many pieces of about equal length as `pieces` says.

    A piece keeps file and line and gets an id of its own. No text is lost or repeated.
    """
    found: list[Example] = []
    for example in examples:
        count = pieces(counter.document(example.text), max_length)
        found += [example] if count == 1 else _cut(example, counter, count, max_length)
    return found


def _room(max_length: int) -> int:
    return max_length - min(SLACK, max_length // 4)


def _cut(example: Example, counter: Counter, count: int, max_length: int) -> list[Example]:
    text, starts = example.text, counter.starts(example.text)
    reach = max((max_length - _room(max_length) - 4) // 2, 0)
    places = [0]
    for i in range(1, count):
        places.append(_place(text, starts, i * len(starts) // count, reach))
    places.append(len(text))
    parts = [text[a:b] for a, b in pairwise(places)]
    for part in parts:
        if counter.document(part) > max_length:
            raise FtcError(
                f"{example.file}:{example.line}: cannot be cut into pieces of {max_length} tokens",
                hint="raise training.max_length",
            )
    cut = [replace(example, text=part) for part in parts]
    return [replace(piece, id=row_id(piece)) for piece in cut]


def _place(text: str, starts: list[int], wanted: int, reach: int) -> int:
    """The nearest token start that begins a word, within `reach` tokens of the wanted one."""
    for distance in range(reach + 1):
        for index in (wanted - distance, wanted + distance):
            if 0 < index < len(starts) and _starts_word(text, starts[index]):
                return starts[index]
    return starts[wanted]


def _starts_word(text: str, place: int) -> bool:
    return 0 < place < len(text) and (text[place].isspace() != text[place - 1].isspace())
