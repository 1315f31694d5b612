"""Method pairwise: a row against its parent, in both orders, since models go by position too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ftc.augment.judge.shown import Shown, shown
from ftc.augment.judge.verdict import Bench, Found, Silence, Verdict, cut, silence
from ftc.augment.question import Fault
from ftc.prep.rows import Row


def pairwise(rows: Sequence[Row], bench: Bench, sample: int) -> Found:
    """A verdict for one of the two when both orders are for it, else neither is better."""
    pairs = [_pair(row, bench) for row in rows]
    values = [
        {"a": one.values(), "b": other.values()}
        for pair in pairs
        if pair
        for one, other in (pair, pair[::-1])
    ]
    replies = bench.asked(values, sample)
    done: Found = []
    for pair in pairs:
        if pair is None:
            done.append(Silence(False, "no parent to compare with"))
            continue
        first, second = next(replies), next(replies)
        calls = (first.key, second.key)
        if isinstance(first, Fault):
            done.append(silence(first, calls))
        elif isinstance(second, Fault):
            done.append(silence(second, calls))
        else:
            done.append(_verdict(first.value, second.value))
    return done


def _pair(row: Row, bench: Bench) -> tuple[Shown, Shown] | None:
    parent = bench.parent(row)
    one, other = shown(row), shown(parent) if parent else None
    return (one, other) if one and other else None


def _verdict(first: Mapping[str, Any], second: Mapping[str, Any]) -> Verdict:  # Any: by the schema
    """The row is A in the first question and B in the second one."""
    better = (first["better"], second["better"])
    score = {("A", "B"): 1.0, ("B", "A"): 0.0}.get(better, 0.5)
    return Verdict(score, cut(first["reason"]), {"orders": list(better)})
