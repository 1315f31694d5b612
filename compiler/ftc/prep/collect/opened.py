"""A file as bytes, unpacked where it is packed, with limits on what is held in memory."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from ftc.prep.collect.piece import Bad, Unreadable

GZIP = b"\x1f\x8b"
HEAD_BYTES = 65_536
HELD_BYTES = 256 * 2**20  # of one file that is read whole, one line, one JSON value (judgment)
SKIP_BYTES = 2**20


class Opened(NamedTuple):
    """An open file; `head` is its first bytes, unpacked. `stream` stands at its start."""

    name: str
    suffix: str  # of the unpacked file, lower case
    head: bytes
    stream: BinaryIO
    packed: bool

    def whole(self) -> bytes:
        """All bytes; Unreadable when there are more than HELD_BYTES."""
        raw = self.stream.read(HELD_BYTES + 1)
        if len(raw) > HELD_BYTES:
            raise Unreadable("file too large to be read whole", _limit())
        return raw

    def seekable(self) -> BinaryIO:
        """The bytes for readers that jump about in a file."""
        return io.BytesIO(self.whole()) if self.packed else self.stream


@contextmanager
def unpacked(path: Path, name: str) -> Iterator[Opened]:
    """The file, unpacked; Unreadable when it is missing, empty, or a .gz that breaks off."""
    try:
        with path.open("rb") as stream:
            packed = stream.read(2) == GZIP
            stream.seek(0)
            if packed:
                yield from _inside(stream, name)
            else:
                yield _opened(stream, name, False)
    except OSError as error:
        raise Unreadable("cannot be read", error.strerror or str(error)) from error


def _inside(stream: BinaryIO, name: str) -> Iterator[Opened]:
    try:
        with gzip.open(stream) as inner:
            yield _opened(cast(BinaryIO, inner), name, True)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Unreadable("broken .gz file", str(error)) from error


def suffix(name: str) -> str:
    """The suffix that says what a file holds: `.jsonl` of `rows.JSONL.gz`."""
    return Path(name.lower().removesuffix(".gz")).suffix


def raw_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes] | Bad]:
    """Lines with their numbers, from 1; one over HELD_BYTES is skipped and told."""
    for number, raw in enumerate(iter(partial(stream.readline, HELD_BYTES + 1), b""), 1):
        if len(raw) <= HELD_BYTES:
            yield number, raw
            continue
        while raw and not raw.endswith(b"\n"):
            raw = stream.readline(SKIP_BYTES)
        yield too_long(number)


def too_long(number: int) -> Bad:
    """What is told of a line of more than HELD_BYTES."""
    return Bad(f"line {number}", "line too long", _limit())


def _opened(stream: BinaryIO, name: str, packed: bool) -> Opened:
    head = stream.read(HEAD_BYTES)
    if not head.removeprefix(b"\xef\xbb\xbf").strip():
        raise Unreadable("empty file")
    stream.seek(0)
    return Opened(name, suffix(name), head, stream, packed)


def _limit() -> str:
    return f"over {HELD_BYTES // 2**20} MiB"
