"""Which rows, and which tokens, of two lists belong together; in time linear in their length."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence

from ftc.parity.records import UNTRAINED, Row

Span = tuple[int, int]  # from, up to and without
Pair = tuple[int | None, int | None]  # an index on either side; None: the other side alone has it
_TOKENS = 4  # tokens in a row that must be equal for two rows to run together again
_EDGE = 32


def paired(left: Sequence[Row], right: Sequence[Row]) -> Iterator[Pair]:
    """The rows of two lists that belong together, in order; every row is named once.

    Equal ids come first; where they are not, and the counts differ, what is trained on, the end
    and the start of a row tell which belong together. Rows that are left stand side by side.
    """
    yield from _paired(left, right, (0, len(left)), (0, len(right)), 0)


def changes(left: Sequence[int], right: Sequence[int]) -> list[tuple[Span, Span]]:
    """The spans in which two lists of tokens differ, in order; either span may be empty."""
    grams = _grams(left, _TOKENS), _grams(right, _TOKENS)
    return list(_changes(left, right, *grams))


def _whole(row: Row) -> Hashable:
    return row.ids


def _answer(row: Row) -> Hashable:
    return tuple(label for label in row.labels if label != UNTRAINED)


def _end(row: Row) -> Hashable:
    return row.ids[-_EDGE:]


def _start(row: Row) -> Hashable:
    return row.ids[:_EDGE]


_KEYS: tuple[Callable[[Row], Hashable], ...] = (_whole, _answer, _end, _start)


def _paired(
    left: Sequence[Row], right: Sequence[Row], a: Span, b: Span, level: int
) -> Iterator[Pair]:
    counts = a[1] - a[0], b[1] - b[0]
    if level == len(_KEYS) or 0 in counts or (level and counts[0] == counts[1]):
        yield from _beside(a, b)
        return
    keys = [_KEYS[level](row) for row in left[slice(*a)]]
    others = [_KEYS[level](row) for row in right[slice(*b)]]
    i, j = a[0], b[0]
    for one, two in _changes(keys, others, keys, others):
        yield from _beside((i, a[0] + one[0]), (j, b[0] + two[0]))
        i, j = a[0] + one[1], b[0] + two[1]
        yield from _paired(left, right, (a[0] + one[0], i), (b[0] + two[0], j), level + 1)
    yield from _beside((i, a[1]), (j, b[1]))


def _beside(a: Span, b: Span) -> Iterator[Pair]:
    """Side by side as far as both go, then the rest of the longer one."""
    both = min(a[1] - a[0], b[1] - b[0])
    yield from zip(range(a[0], a[0] + both), range(b[0], b[0] + both), strict=True)
    yield from ((i, None) for i in range(a[0] + both, a[1]))
    yield from ((None, j) for j in range(b[0] + both, b[1]))


def _grams(items: Sequence[int], size: int) -> list[Hashable]:
    """What stands from each place on; shorter at the end."""
    return [tuple(items[place : place + size]) for place in range(len(items))]


def _changes(
    left: Sequence[Hashable],
    right: Sequence[Hashable],
    grams: Sequence[Hashable],
    others: Sequence[Hashable],
) -> Iterator[tuple[Span, Span]]:
    """Spans that differ. After each, both run on from the nearest place with an equal gram.

    What is looked through for a place is passed over with it, hence the linear time.
    """
    tail = _shared_end(left, right)
    ends = len(left) - tail, len(right) - tail
    where: dict[Hashable, list[int]] | None = None
    i = j = 0
    while True:
        while i < ends[0] and j < ends[1] and left[i] == right[j]:
            i, j = i + 1, j + 1
        if i == ends[0] or j == ends[1]:
            break
        where = _places(others, ends[1]) if where is None else where
        one, two = _nearest(grams, where, (i, ends[0]), (j, ends[1]))
        yield (i, one), (j, two)
        i, j = one, two
    if i < ends[0] or j < ends[1]:
        yield (i, ends[0]), (j, ends[1])


def _shared_end(left: Sequence[Hashable], right: Sequence[Hashable]) -> int:
    """How many items both lists end in; what they also begin with is not counted twice."""
    most = min(len(left), len(right))
    start = 0
    while start < most and left[start] == right[start]:
        start += 1
    count = 0
    while count < most - start and left[-1 - count] == right[-1 - count]:
        count += 1
    return count


def _places(grams: Sequence[Hashable], end: int) -> dict[Hashable, list[int]]:
    found: dict[Hashable, list[int]] = defaultdict(list)
    for place in range(end):
        found[grams[place]].append(place)
    return found


def _nearest(
    grams: Sequence[Hashable], where: dict[Hashable, list[int]], a: Span, b: Span
) -> tuple[int, int]:
    """The equal grams with the fewest items before them on both sides; the ends if there are none.

    A gram that nothing is left of on one side is the end itself.
    """
    best, place = a[1] - a[0] + b[1] - b[0], (a[1], b[1])
    for i in range(*a):
        if i - a[0] >= best:
            break
        spots = where.get(grams[i], [])
        at = bisect_left(spots, b[0])
        if at < len(spots) and (cost := i - a[0] + spots[at] - b[0]) < best:
            best, place = cost, (i, spots[at])
    return place
