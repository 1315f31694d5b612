"""JSON Lines: chunks of whole lines, and the rows of such a chunk one by one."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np

from ftc.prep.arrays import Bytes, Numbers
from ftc.prep.collect import encoding, opened
from ftc.prep.collect.encoding import Line
from ftc.prep.collect.opened import Opened
from ftc.prep.collect.piece import Bad, Record
from ftc.prep.collect.values import SCAN

FIRST = 2**16  # bytes of the first chunk, whose rows show what the columns mean; then it doubles
CHUNK = 2**22  # bytes at most, about (measured: 2**20 to 2**23 are alike)
_LF = 10


class Lines(NamedTuple):
    """Whole lines of a file; `first` is the number of the first one."""

    first: int
    signs: Bytes
    ends: Numbers  # places of the line ends, and the end of the file where its last line has none

    def records(self) -> Iterator[Record | Bad]:
        """The straight way for lines of UTF-8 that hold one object, as nearly all do."""
        view = memoryview(self.signs)  # type: ignore[arg-type] # numpy arrays are buffers
        start = 0
        for number, end in enumerate((self.ends + 1).tolist(), self.first):
            raw = bytes(view[start:end])
            start = end
            if len(raw) > opened.HELD_BYTES:
                yield opened.too_long(number)
                continue
            try:
                text = raw.decode()
                value, end = SCAN(text, 0)
            except (ValueError, StopIteration, RecursionError):
                value = None
            if value.__class__ is dict and (text[end:] in ("\n", "") or text[end:].isspace()):
                yield Record(f"line {number}", value)
            else:
                yield from slowly([encoding.line(number, raw)])


def chunks(file: Opened) -> Iterator[Lines]:
    """The lines of a file in chunks, small ones first.

    Of a .gz that breaks off, all lines that can be had stand before its error.
    """
    number, size, rest = 1, min(FIRST, CHUNK), np.empty(0, np.uint8)
    step = io.DEFAULT_BUFFER_SIZE if file.packed else CHUNK
    while True:
        held, fault = _filled(file.stream, rest, size, step)
        last = not fault and len(held) < max(size, 2 * len(rest))
        ends = np.flatnonzero(held == _LF)
        if last and len(held) and held[-1] != _LF:
            ends = np.append(ends, len(held))
        whole = min(int(ends[-1]) + 1, len(held)) if len(ends) else 0
        if whole:
            yield Lines(number, held[:whole], ends)
        number += len(ends)
        rest = held[whole:]
        if fault:
            raise fault
        if last:
            return
        if len(rest) > opened.HELD_BYTES:
            _skip(file.stream)
            yield Lines(number, rest, np.array([len(rest)]))
            number += 1
            rest = rest[:0]
        size = min(2 * size, CHUNK)


def slowly(lines: Iterable[Line | Bad]) -> Iterator[Record | Bad]:
    """The rows of lines in any encoding; a line without white space at its ends is one object."""
    for line in lines:
        if isinstance(line, Bad):
            yield line
        elif text := line.text.strip():
            yield _line(line, text)


def record(place: str, value: Any, recoded: int = 0) -> Record | Bad:
    """A row; what is no object is none."""
    if isinstance(value, dict):
        return Record(place, value, recoded)
    return Bad(place, "no object with columns", type(value).__name__, json.dumps(value)[:1000])


def _line(line: Line, text: str) -> Record | Bad:
    try:
        value, end = SCAN(text, 0)
    except StopIteration:
        fault = "no value"
    except RecursionError:
        fault = "nested too deeply"
    except ValueError as error:
        fault = str(error)
    else:
        if end != len(text):
            fault = f"more after the value (column {end + 1})"
        else:
            return record(f"line {line.number}", value, line.recoded)
    return Bad(f"line {line.number}", "broken JSON", fault, text)


def _filled(
    stream: BinaryIO, rest: Bytes, size: int, step: int
) -> tuple[Bytes, OSError | EOFError | zlib.error | None]:
    """`rest` and what comes next, fewer bytes only at the end or before an error, and the error."""
    held = np.empty(max(size, 2 * len(rest)), np.uint8)
    held[: len(rest)] = rest
    view, end = memoryview(held), len(rest)  # type: ignore[arg-type]
    reader = cast(io.BufferedReader, stream)
    try:
        while count := reader.readinto1(view[end : end + step]):
            end += count
    except (OSError, EOFError, zlib.error) as error:
        return held[:end], error
    return held[:end], None


def _skip(stream: BinaryIO) -> None:
    """Go over the rest of a line."""
    raw = b" "
    while raw and not raw.endswith(b"\n"):
        raw = stream.readline(opened.SKIP_BYTES)
