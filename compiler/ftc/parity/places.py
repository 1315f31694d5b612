"""Finds the contents of a source row in its rendered text."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ftc.parity.sources import Content

MOST = 256  # places of one short text that are weighed
ANCHOR = 24  # characters by which a text that is not whole is found: fewer may match by chance
LONG = 40  # characters from which on a longer text counts no more than this one


@dataclass(frozen=True)
class Borders:
    """Where control tokens start and end in the text, in characters, its own ends among them."""

    starts: frozenset[int]
    ends: frozenset[int]


@dataclass(frozen=True)
class Place:
    """Where a content, by its number, stands; `whole` unless only its start or end was found."""

    start: int
    end: int
    content: int
    whole: bool = True


@dataclass(frozen=True)
class _Chain:
    """Places in order, linked backwards, and what they weigh together; `number` of the last."""

    end: int
    weight: int
    number: int = -1
    place: Place | None = None
    before: _Chain | None = None


def places(
    text: str,
    borders: Borders,
    contents: Sequence[Content],
    rewritten: Callable[[str], str] = lambda it: it,
) -> list[Place]:
    """The places of all contents that were found, by start; they do not overlap.

    They keep the order of the contents as far as that weighs most, the rest stand where there is
    room: some templates move the system turn. Short texts ("a") may stand in many places: one
    beside a control token or a line break is preferred. `rewritten` gives what the tokenizer makes
    of a text, for those that normalise it.
    """
    wanted = list(_wanted(text, borders, contents, rewritten))
    found = _heaviest(text, borders, wanted)
    for number, options in enumerate(wanted):
        if number not in found:
            free = (it for it in options if not any(_meet(it, other) for other in found.values()))
            if (place := next(free, None)) is not None:
                found[number] = place
    return sorted(found.values(), key=lambda it: it.start)


def _wanted(
    text: str,
    borders: Borders,
    contents: Sequence[Content],
    rewritten: Callable[[str], str],
) -> Iterator[list[Place]]:
    """For each part of each content the places where it may stand.

    Of equal parts, the third stands at the third place at the earliest, with room for those to
    come: a chat of a thousand "ok" is quickly read.
    """
    parts = [(number, part) for number, it in enumerate(contents) for part in _way(text, it)]
    equal = Counter(part for _, part in parts)
    found = {part: _spans(text, part, borders, rewritten, most) for part, most in equal.items()}
    seen: Counter[str] = Counter()
    for number, part in parts:
        spans, spare = found[part], len(found[part]) - equal[part]
        first = max(0, seen[part] + min(0, spare))
        last = seen[part] + 1 + max(0, spare)
        seen[part] += 1
        yield [Place(*span, number, whole) for span, whole in spans[first:last]]


def _way(text: str, content: Content) -> tuple[str, ...]:
    """The first way of writing whose parts all stand in the text, else the likeliest."""
    return next((way for way in content.ways if all(part in text for part in way)), content.ways[0])


def _heaviest(text: str, borders: Borders, wanted: Sequence[Sequence[Place]]) -> dict[int, Place]:
    """The chain of places in order, at most one of each list, that weighs most; by list."""
    front = [_Chain(0, 0)]  # the best chain up to each end: ends and weights both rise
    for number, options in enumerate(wanted):
        ends = [chain.end for chain in front]
        longer = []
        for place in options:
            before = front[bisect_right(ends, place.start) - 1]
            weight = before.weight + _weight(text, borders, place)
            longer.append(_Chain(place.end, weight, number, place, before))
        front = _best([*front, *longer])
    found = {}
    chain: _Chain | None = front[-1]
    while chain is not None and chain.place is not None:
        found[chain.number] = chain.place
        chain = chain.before
    return found


def _best(chains: Iterable[_Chain]) -> list[_Chain]:
    """Only the chains that are heavier than every one that ends before them."""
    kept: list[_Chain] = []
    for chain in sorted(chains, key=lambda it: (it.end, -it.weight)):
        if not kept or chain.weight > kept[-1].weight:
            kept.append(chain)
    return kept


def _weight(text: str, borders: Borders, place: Place) -> int:
    fit = _fit(text, place.start, place.end, borders)
    return fit * 4 + min(place.end - place.start, LONG)


def _fit(text: str, start: int, end: int, borders: Borders) -> int:
    """How well a place is set off from what stands around it, from 0 to 4."""
    before, after = text[start - 1 : start], text[end : end + 1]
    left = 2 if start in borders.ends or before == "\n" else int(before.isspace())
    right = 2 if end in borders.starts else int(after.isspace())
    return left + right


def _spans(
    text: str, wanted: str, borders: Borders, rewritten: Callable[[str], str], least: int
) -> list[tuple[tuple[int, int], bool]]:
    """(start, end) wherever a text stands, and whether whole; no fewer than `least` are kept."""
    for form in dict.fromkeys((wanted, wanted.strip())):
        if form and (found := list(_occurrences(text, form))):
            return [(span, True) for span in _fittest(text, found, borders, max(least, MOST))]
    form = rewritten(wanted).strip()
    if form and (found := list(_occurrences(text, form))):
        return [(span, True) for span in _fittest(text, found, borders, max(least, MOST))]
    return [(span, False) for span in _partly(text, wanted.strip())]


def _fittest(
    text: str, spans: list[tuple[int, int]], borders: Borders, most: int
) -> Sequence[tuple[int, int]]:
    """The best set off of many places, in order."""
    if len(spans) <= most:
        return spans
    return sorted(sorted(spans, key=lambda it: -_fit(text, it[0], it[1], borders))[:most])


def _occurrences(text: str, wanted: str) -> Iterator[tuple[int, int]]:
    at = text.find(wanted)
    while at >= 0:
        yield at, at + len(wanted)
        at = text.find(wanted, at + 1)


def _partly(text: str, wanted: str) -> Iterator[tuple[int, int]]:
    """Where the start, or else the end, of a text stands, as far as it goes."""
    head, tail = wanted[:ANCHOR], wanted[-ANCHOR:]
    spans = []
    if len(head) == ANCHOR and (at := text.find(head)) >= 0:
        spans.append((at, at + _common(text[at:], wanted)))
    if len(tail) == ANCHOR and (at := text.rfind(tail)) >= 0:
        end = at + ANCHOR
        spans.append((end - _common(text[:end][::-1], wanted[::-1]), end))
    yield from sorted(spans, key=lambda span: span[0] - span[1])[:1]


def _common(one: str, other: str) -> int:
    """How many characters two texts have in common at their start."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _meet(one: Place, other: Place) -> bool:
    return one.start < other.end and other.start < one.end
