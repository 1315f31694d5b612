"""The text of each token of a row, as the model's own tokenizer has it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any

from tokenizers import Tokenizer

Pieces = Callable[[Sequence[int]], list[str]]
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")  # a byte in a SentencePiece vocabulary


def pieces(tokenizer: Tokenizer) -> Pieces:
    """A function from token ids to one text each; together they are the whole text.

    A character that several tokens make up stands whole at the first of them, the others are "".
    A byte that belongs to no character is written `<0xE6>`, an id beyond the vocabulary
    `<id 99999>`. Special tokens stand as they are written; the leading space that a SentencePiece
    vocabulary puts before a word is kept, since the model reads it. Texts are remembered by id.
    """
    added = {number: it.content for number, it in tokenizer.get_added_tokens_decoder().items()}
    decoded = partial(_decoded, _steps(tokenizer), _bytes_of())

    @cache
    def piece(number: int) -> str | bytes:
        """The text of one token, or its bytes where they are no whole characters."""
        if number in added:
            return added[number]
        token = tokenizer.id_to_token(number) if number >= 0 else None
        return f"<id {number}>" if token is None else _whole(decoded(token))

    def texts(ids: Sequence[int]) -> list[str]:
        found: list[str] = []
        open_run: list[bytes] = []
        for number in ids:
            it = piece(number)
            if isinstance(it, bytes):
                open_run.append(it)
                continue
            if open_run:
                found += _joined(open_run)
                open_run = []
            found.append(it)
        return found + _joined(open_run)

    return texts


def _steps(tokenizer: Tokenizer) -> tuple[Mapping[str, Any], ...]:
    """The steps of the tokenizer's decoder, as its tokenizer.json names them."""
    if tokenizer.decoder is None:
        return ()
    state = json.loads(tokenizer.decoder.__getstate__())
    return tuple(state["decoders"]) if state["type"] == "Sequence" else (state,)


def _decoded(steps: Sequence[Mapping[str, Any]], known: Mapping[str, int], token: str) -> bytes:
    """The bytes of one token of the vocabulary.

    Steps that look at the whole text, such as taking its first space away, are left out.
    """
    for step in steps:
        if step["type"] == "ByteLevel" and all(character in known for character in token):
            return bytes(known[character] for character in token)
        if step["type"] == "ByteFallback" and (byte := _BYTE.fullmatch(token)):
            return bytes.fromhex(byte[1])
        if step["type"] == "Metaspace":
            token = token.replace(step["replacement"], " ")
        elif step["type"] == "Replace" and "String" in step["pattern"]:
            token = token.replace(step["pattern"]["String"], step["content"])
    return token.encode("utf-8")


@cache
def _bytes_of() -> dict[str, int]:
    """The byte that each character of a byte-level vocabulary stands for, as in GPT-2.

    Printable Latin-1 stands for itself, the other 68 bytes for the characters from U+0100 on.
    """
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(0x100) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(0x100 + n): b for n, b in enumerate(rest)}


def _whole(data: bytes) -> str | bytes:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data


def _joined(run: Sequence[bytes]) -> list[str]:
    """Tokens that are parts of characters, read together; a text for each of them."""
    found = [""] * len(run)
    owners = [place for place, data in enumerate(run) for _ in data]
    for at, text in _characters(b"".join(run)):
        found[owners[at]] += text
    return found


def _characters(data: bytes) -> Iterator[tuple[int, str]]:
    """Where each character starts, in bytes, and the character."""
    at = 0
    while at < len(data):
        for size in range(1, 5):
            text = _whole(data[at : at + size])
            if isinstance(text, str):
                yield at, text
                break
        else:
            size = 1
            yield at, f"<0x{data[at]:02X}>"
        at += size
