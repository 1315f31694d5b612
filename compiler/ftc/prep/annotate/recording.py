"""Long recordings, which were cut into chunks: pairs are looked for across the cuts."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from ftc.prep.annotate import pairs
from ftc.prep.annotate.draft import Draft
from ftc.prep.rows import Row
from ftc.preparation.annotate import Annotate

PART = "part"  # in `extra`: the number of a chunk in its file, from 2 on


class Spoken(NamedTuple):
    """A pair, the ids of the chunks that it was said in, and what was said there.

    Its evidence counts in the chunks' texts with a line break between them.
    """

    draft: Draft
    parents: tuple[str, ...]
    said: str


def spoken(chunks: Sequence[Row], settings: Annotate) -> dict[str, list[Spoken]]:
    """For each chunk of a cut recording that a pair touches, the pairs that begin in it.

    Only chunks that follow each other in the same file without a gap are looked at together; a
    chunk by itself is not in the result.
    """
    found: dict[str, list[Spoken]] = {}
    on = settings.rules is None or "pairs" in settings.rules
    if settings.pairs is None or not on or not settings.uses("rules"):
        return found
    for run in _runs(chunks):
        for it in _pairs(run, settings):
            for touched in it.parents:
                found.setdefault(touched, [])
            begun = found[it.parents[0]]
            if not any(it.draft[:2] == other.draft[:2] for other in begun):
                begun.append(it)
    return found


def _runs(chunks: Sequence[Row]) -> Iterator[list[Row]]:
    """Chunks of a transcript in a row, two at least."""
    run = list(chunks[:1])
    for before, row in pairwise(chunks):
        same = row.medium == "transcript" and row.file == before.file
        if same and _part(row) == _part(before) + 1:
            run.append(row)
            continue
        if len(run) > 1:
            yield run
        run = [row]
    if len(run) > 1:
        yield run


def _part(row: Row) -> int:
    number = row.extra.get(PART, 1)
    return number if isinstance(number, int) else 1


def _pairs(run: list[Row], settings: Annotate) -> Iterator[Spoken]:
    texts = [row.turns[0][1] for row in run]
    whole = "\n".join(texts)
    starts = list(accumulate((len(text) + 1 for text in texts), initial=0))[:-1]
    for draft in pairs.drafts(run[0]._replace(turns=(("chunk", whole),)), settings):
        start, end = draft.evidence
        first, last = bisect_right(starts, start) - 1, bisect_left(starts, end)
        parents = tuple(row.id for row in run[first:last])
        moved = draft._replace(evidence=(start - starts[first], end - starts[first]))
        yield Spoken(moved, parents, whole[start:end])
