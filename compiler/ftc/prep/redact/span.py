"""A piece of personal data in a text, and which of two that overlap is kept."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import pairwise
from operator import attrgetter
from typing import Literal, NamedTuple

Kind = Literal["secret", "iban", "card", "ssn", "id", "email", "ip", "phone", "address", "name"]
# The surer kind first: of two spans that overlap the earlier one here is kept.
KINDS: tuple[Kind, ...] = (
    "secret", "iban", "card", "ssn", "id", "email", "ip", "phone", "address", "name"
)  # fmt: skip
_start = attrgetter("start")
_RANK = {kind: rank for rank, kind in enumerate(KINDS)}


class Span(NamedTuple):
    """`text[start:end]` is of a kind; `value` is the same for all spellings of the same thing."""

    kind: Kind
    start: int
    end: int
    value: str


def settle(spans: Iterable[Span]) -> list[Span]:
    """Spans that do not overlap, in the order of the text: the surer kind, then the longer."""
    ordered = sorted(spans, key=_start)
    if all(one.end <= two.start for one, two in pairwise(ordered)):
        return ordered
    kept: list[Span] = []
    starts: list[int] = []
    for span in sorted(ordered, key=lambda s: (_RANK[s.kind], s.start - s.end, s.start)):
        at = bisect_left(starts, span.end)  # those that begin before its end
        if at == 0 or kept[at - 1].end <= span.start:
            starts.insert(at, span.start)
            kept.insert(at, span)
    return kept
