"""Bytes to text: UTF-8 line by line, and lines that are none as cp1252, which is told."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from typing import NamedTuple

from ftc.prep.collect.opened import SKIP_BYTES, Opened, raw_lines
from ftc.prep.collect.piece import Bad, Unreadable

_WIDE = {  # UTF-32 first: its mark begins like that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_BOM = "\ufeff"
_ESCAPED = re.compile("[\udc80-\udcff]")
_HEAD = 4096


class Line(NamedTuple):
    """`text` has no line end; `recoded` is 1 where the line is no UTF-8."""

    number: int
    text: str
    recoded: int


def lines(file: Opened) -> Iterator[Line | Bad]:
    """The lines of a text file, whatever each is encoded in. Unreadable when it is binary."""
    wide = wide_encoding(file.head)
    if wide:
        yield from _wide_lines(file, wide)
        return
    for item in raw_lines(file.stream):
        if isinstance(item, Bad):
            yield item
        else:
            yield line(*item)


def line(number: int, raw: bytes) -> Line:
    """A line of a file; before the first one there may be a byte order mark."""
    found, recoded = decoded(raw)
    return Line(number, found.removeprefix(_BOM) if number == 1 else found, recoded)


def decoded(raw: bytes) -> tuple[str, int]:
    """One line without its end, and 1 when it is no UTF-8 but was read as cp1252."""
    try:
        return raw.decode().rstrip("\r\n"), 0
    except UnicodeDecodeError:
        return western(raw).rstrip("\r\n"), 1


def western(raw: bytes) -> str:
    """cp1252, and latin-1 for the five bytes that it does not know."""
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:
        return "".join(_WESTERN[byte] for byte in raw)


def text(raw: bytes) -> tuple[str, int]:
    """A whole text with LF line ends, and the number of its lines that are no UTF-8."""
    wide = wide_encoding(raw[:_HEAD])
    if wide:
        return _unified(_strictly(raw, wide)), 0
    try:
        return _unified(raw.decode("utf-8-sig")), 0
    except UnicodeDecodeError:
        found = [decoded(line) for line in raw.split(b"\n")]
    return _unified("\n".join(line for line, _ in found)), sum(bad for _, bad in found)


def head(file: Opened) -> str:
    """The first lines of a file, to look at: what is no UTF-8 in them is left out."""
    wide = wide_encoding(file.head)
    return _unified(file.head.decode(wide or "utf-8", "ignore").removeprefix(_BOM))


def blocks(file: Opened) -> Iterator[tuple[str, int]]:
    """The text in blocks of about a million signs, for readers that do not go by lines.

    With each, the number of signs in it that were no UTF-8 and were read as cp1252.
    """
    wide = wide_encoding(file.head)
    decoder = codecs.getincrementaldecoder(wide or "utf-8-sig")(
        "strict" if wide else "surrogateescape"
    )
    last = False
    while not last:
        raw = file.stream.read(SKIP_BYTES)
        last = not raw
        try:
            found = decoder.decode(raw, last)
        except UnicodeDecodeError as error:
            raise Unreadable("broken UTF-16 or UTF-32 text", str(error)) from error
        recoded = 0
        if not found.isascii() and _ESCAPED.search(found):
            found, recoded = _ESCAPED.subn(lambda hit: _WESTERN[ord(hit[0]) - 0xDC00], found)
        yield found, recoded


def wide_encoding(head: bytes) -> str:
    """The name of UTF-16 or UTF-32, or nothing; Unreadable when it is binary."""
    for mark, name in _WIDE.items():
        if head.startswith(mark):
            return name
    head = head[:_HEAD]
    zeros = head.count(0)
    if zeros > len(head) // 4:
        odd = head[1::2].count(0)
        if odd > zeros * 0.95 or odd < zeros * 0.05:
            return "utf-16-le" if odd > zeros // 2 else "utf-16-be"
    control = sum(byte < 32 and byte not in b"\t\n\r\v\f\x1b" for byte in head)
    if zeros or control > len(head) // 50:
        raise Unreadable("binary file, not text")
    return ""


def _wide_lines(file: Opened, encoding: str) -> Iterator[Line]:
    reader = io.TextIOWrapper(file.stream, encoding, newline="\n")
    try:
        for number, line in enumerate(reader, 1):
            yield Line(number, line.rstrip("\r\n").removeprefix(_BOM), 0)
    except UnicodeDecodeError as error:
        raise Unreadable("broken UTF-16 or UTF-32 text", str(error)) from error
    finally:
        reader.detach()  # the stream is closed by whoever opened it


def _strictly(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding).removeprefix(_BOM)
    except UnicodeDecodeError as error:
        raise Unreadable("broken UTF-16 or UTF-32 text", str(error)) from error


def _unified(found: str) -> str:
    return found.replace("\r\n", "\n").replace("\r", "\n")


def _western_sign(byte: int) -> str:
    try:
        return bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:
        return chr(byte)


_WESTERN = [_western_sign(byte) for byte in range(256)]
