"""PDF: the text of each page, by pypdf. Pictures of text are not read."""

from __future__ import annotations

import logging
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import pypdf
from pypdf.errors import DependencyError, PyPdfError

from ftc.prep.collect.opened import Opened
from ftc.prep.collect.piece import Bad, Found, Piece, Unreadable
from ftc.prep.collect.prose import Block, cut
from ftc.preparation.collect import Collect

# What pypdf raises on files that are not as they should be, beside errors of its own.
MALFORMED = (
    PyPdfError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # faults are told by the ledger


def read(file: Opened, settings: Collect) -> Iterator[Found]:
    """Chunks page by page; pages without text are told, one line for all when none has any."""
    reader = _reader(file)
    try:
        count, title = len(reader.pages), _title(reader)
    except MALFORMED as error:
        raise Unreadable("broken PDF", _said(error)) from error
    empty: list[Bad] = []
    for number in range(count):
        place = f"page {number + 1}"
        try:
            text = _text(reader.pages[number])
        except MALFORMED as error:
            yield Bad(place, "broken page", _said(error))
            continue
        if not text.strip():
            empty.append(Bad(place, "no text on the page (scanned?)"))
            continue
        for block in cut(_paragraphs(text, place), settings):
            yield Piece(place, ("chunk", block.text), title)
    if len(empty) == count:
        raise Unreadable("no text in the PDF (scanned?)", f"{count} pages")
    yield from empty


def _reader(file: Opened) -> Any:  # Any: the class is of a library that may come without types
    stream = file.seekable()
    try:
        reader = pypdf.PdfReader(stream, strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("encrypted PDF", "needs a password")
    except DependencyError as error:
        raise Unreadable("encrypted PDF", _said(error)) from error
    except Unreadable:
        raise
    except MALFORMED as error:
        raise Unreadable("broken PDF", _said(error)) from error
    return reader


def _title(reader: Any) -> str:
    title = reader.metadata.title if reader.metadata else None
    return " ".join(title.split()) if isinstance(title, str) else ""


def _text(page: Any) -> str:
    """The text of a page; halves of surrogate pairs, from broken fonts, are left out."""
    text: str = page.extract_text()
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore").replace("\0", "")


def _paragraphs(text: str, place: str) -> Iterator[Block]:
    held: list[str] = []
    for line in [*text.split("\n"), ""]:
        if line.strip():
            held.append(line.rstrip())
        elif held:
            yield Block(place, "\n".join(held))
            held = []


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
