"""What is known of a text while it is searched: where its numbers begin, and what is found."""

from __future__ import annotations

import re

from ftc.prep.redact.span import Span

# Where a number of seven digits or more may begin, with any mark of phones, cards or national
# numbers between them: one look at the text for all three.
_NUMBER = re.compile(r"\d(?<!\w.)(?=(?:[ ().+\-/\u00a0\u2011A-Z]*\d){6})")


class Looked:
    """A text and its spans so far, which do not overlap, in order."""

    __slots__ = ("_numbers", "spans", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.spans: list[Span] = []
        self._numbers: list[int] | None = None

    def numbers(self) -> list[int]:
        """Where a long number may begin."""
        if self._numbers is None:
            self._numbers = [found.start() for found in _NUMBER.finditer(self.text)]
        return self._numbers

    def takes(self, start: int, end: int) -> bool:
        """Whether `text[start:end]` is within a span."""
        for span in self.spans:  # noqa: SIM110 - often asked, and any() is slow
            if span.start <= start and end <= span.end:
                return True
        return False
