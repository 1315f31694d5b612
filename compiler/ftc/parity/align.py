"""Which rows, and which tokens, of two lists belong together; in time linear in their length."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

from ftc.parity.records import UNTRAINED, Row

Span = tuple[int, int]  # from, up to and without
Pair = tuple[int | None, int | None]  # an index on either side; None: the other side alone has it
_TOKENS = 4  # tokens in a row that must be equal for two rows to run together again
_EDGE = 32
_FEW = 32  # rows among which the most alike are looked for; all with all


def paired(left: Sequence[Row], right: Sequence[Row]) -> Iterator[Pair]:
    """The rows of two lists that belong together, in order; every row is named once.

    Equal ids come first; where they are not, and the counts differ, what is trained on, the end
    and the start of a row tell which belong together. What is left is paired by the tokens that two
    rows share, where it is little, or stands side by side.
    """
    yield from _paired(left, right, (0, len(left)), (0, len(right)), 0)


def changes(left: Sequence[int], right: Sequence[int]) -> list[tuple[Span, Span]]:
    """The spans in which two lists of tokens differ, in order; either span may be empty."""
    return list(_changes(left, right, _TOKENS))


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
    if 0 in counts or (level and counts[0] == counts[1]):
        yield from _beside(a, b)
        return
    if level == len(_KEYS):
        yield from (_alike(left, right, a, b) if max(counts) <= _FEW else _beside(a, b))
        return
    keys = _keys(left[slice(*a)], level, "left")
    others = _keys(right[slice(*b)], level, "right")
    i, j = a[0], b[0]
    for one, two in _changes(keys, others, 1):
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


def _alike(left: Sequence[Row], right: Sequence[Row], a: Span, b: Span) -> Iterator[Pair]:
    """In order, so that pairs share as many tokens as can be; no row of the fewer stays alone."""
    counts = [[Counter(row.ids) for row in rows[slice(*s)]] for rows, s in ((left, a), (right, b))]
    swap = len(counts[0]) > len(counts[1])
    short, long = counts[::-1] if swap else counts
    room = len(long) - len(short)
    best: list[tuple[int, tuple[int, ...]]] = [(0, ())] * (room + 1)  # by how many were skipped
    for number, row in enumerate(short):
        for skipped in range(room + 1):
            shared = (row & long[number + skipped]).total() + 1
            taken = best[skipped][0] + shared, (*best[skipped][1], number + skipped)
            best[skipped] = max(taken, best[skipped - 1]) if skipped else taken
    partners = {place: number for number, place in enumerate(best[room][1])}
    for place in range(len(long)):
        partner = partners.get(place)
        one, two = (place, partner) if swap else (partner, place)
        yield None if one is None else a[0] + one, None if two is None else b[0] + two


def _keys(rows: Sequence[Row], level: int, side: str) -> list[Hashable]:
    """What the rows are told apart by. Beyond whole rows only what no two of them share counts:
    many have the same answer, or begin or end alike.
    """
    keys = [_KEYS[level](row) for row in rows]
    counts = Counter(keys)
    return [
        key if level == 0 or counts[key] == 1 else (side, place) for place, key in enumerate(keys)
    ]


def _changes(
    left: Sequence[Hashable], right: Sequence[Hashable], size: int
) -> Iterator[tuple[Span, Span]]:
    """Spans that differ. After each, both run on from the nearest place where `size` items agree.

    What is looked through for a place is passed over with it, hence the linear time.
    """
    i = j = start = _shared(zip(left, right, strict=False))
    most = min(len(left), len(right)) - start
    tail = min(most, _shared(zip(reversed(left), reversed(right), strict=False)))
    ends = len(left) - tail, len(right) - tail
    if i < ends[0] and j < ends[1]:
        grams, where = _grams(left, size, i), _places(right, size, j, ends[1])
        while True:
            one, two = _nearest(grams, start, where, (i, ends[0]), (j, ends[1]))
            yield (i, one), (j, two)
            i, j = one, two
            while i < ends[0] and j < ends[1] and left[i] == right[j]:
                i, j = i + 1, j + 1
            if i == ends[0] or j == ends[1]:
                break
    if i < ends[0] or j < ends[1]:
        yield (i, ends[0]), (j, ends[1])


def _shared(pairs: Iterable[tuple[Hashable, Hashable]]) -> int:
    """How many pairs are equal before the first that is not."""
    count = 0
    for one, two in pairs:
        if one != two:
            break
        count += 1
    return count


def _grams(items: Sequence[Hashable], size: int, start: int) -> list[Hashable]:
    """What stands from each place on; shorter at the end."""
    return [tuple(items[place : place + size]) for place in range(start, len(items))]


def _places(
    items: Sequence[Hashable], size: int, start: int, end: int
) -> dict[Hashable, list[int]]:
    """Where each gram stands."""
    found: dict[Hashable, list[int]] = defaultdict(list)
    for place in range(start, end):
        found[tuple(items[place : place + size])].append(place)
    return found


def _nearest(
    grams: Sequence[Hashable], start: int, where: dict[Hashable, list[int]], a: Span, b: Span
) -> tuple[int, int]:
    """The equal grams with the fewest items before them on both sides; the ends if there are none.

    `grams[0]` stands at `start`.
    """
    best, place = a[1] - a[0] + b[1] - b[0], (a[1], b[1])
    for i in range(*a):
        if i - a[0] >= best:
            break
        spots = where.get(grams[i - start], [])
        at = bisect_left(spots, b[0])
        if at < len(spots) and (cost := i - a[0] + spots[at] - b[0]) < best:
            best, place = cost, (i, spots[at])
    return place
