"""JSON values one after the other from a stream of text, with little of it in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ftc.prep.collect.opened import HELD_BYTES
from ftc.prep.collect.piece import Unreadable

_SPACE = re.compile(r"[ \t\r\n\ufeff]*")
_CUT_OFF = 16  # an error this near to the end of what was read may be for want of more


def _missing(_: str) -> None:
    """NaN and Infinity, which pandas writes for a missing value, are read as null."""


_DECODER: Any = json.JSONDecoder(parse_constant=_missing)  # Any: the types leave scan_once out
SCAN = _DECODER.scan_once


class Values:
    """A place in a stream of JSON that moves on as values are taken."""

    def __init__(self, blocks: Iterator[tuple[str, int]]) -> None:
        self._blocks = blocks
        self._text = ""
        self._at = 0
        self._ended = False
        self.recoded = 0  # signs that were no UTF-8, so far

    def peek(self) -> str:
        """The next sign that is no white space; "" at the end."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more(1):
                return ""

    def skip(self, sign: str) -> None:
        """Go over one sign that has to stand here; Unreadable when another does."""
        found = self.peek()
        if found != sign:
            raise Unreadable(
                "broken JSON", f"{found or 'end of file'!r} where {sign!r} is expected"
            )
        self._at += 1

    def holds_objects(self) -> bool:
        """Whether the array that begins here holds an object first; goes nowhere."""
        self.skip("[")
        found = self.peek() == "{"
        self._text, self._at = "[" + self._text[self._at :], 0
        return found

    def value(self) -> Any:
        """The next value; Unreadable when it is broken, nested too deeply or too long."""
        self.peek()
        while True:
            try:
                found, end = SCAN(self._text, self._at)
                whole = end < len(self._text) - _CUT_OFF or isinstance(found, str | list | dict)
                if whole or self._ended:
                    self._at = end
                    return found
            except StopIteration as error:
                self._need("no value", int(error.value))
            except json.JSONDecodeError as error:
                unended = error.msg.startswith("Unterminated")
                self._need(error.msg, len(self._text) if unended else error.pos)
            except RecursionError as error:
                raise Unreadable("broken JSON", "nested too deeply") from error
            except ValueError as error:  # a number of more than 4,300 digits
                raise Unreadable("broken JSON", str(error)) from error
            else:
                self._more(1)  # a number near the end may go on

    def _need(self, fault: str, place: int) -> None:
        if place < len(self._text) - _CUT_OFF or not self._more(len(self._text) - self._at):
            near = self._text[max(self._at, place - 20) : place + 20]
            raise Unreadable("broken JSON", f"{fault} near {near!r}")

    def _more(self, count: int) -> bool:
        """Read at least `count` signs more; False when nothing is left."""
        rest = self._text[self._at :]
        if len(rest) > HELD_BYTES:
            raise Unreadable("row too long", f"over {HELD_BYTES // 2**20} MiB")
        count = min(count, HELD_BYTES - len(rest) + 1)
        found = [rest]
        while count > 0:
            block, recoded = next(self._blocks, (None, 0))
            if block is None:
                break
            self.recoded += recoded
            found.append(block)
            count -= len(block)
        self._text, self._at = "".join(found), 0
        self._ended = len(self._text) == len(rest)
        return not self._ended
