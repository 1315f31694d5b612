"""Methods that score each row by itself: rubric, prometheus and ultrafeedback."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ftc.augment.judge.shown import Shown, shown
from ftc.augment.judge.verdict import Bench, Found, Silence, Verdict, cut, silence
from ftc.augment.question import Fault
from ftc.prep.rows import Row

ASPECTS = ("instruction_following", "truthfulness", "honesty", "helpfulness")
BEST = 5  # of the marks that a model gives, 1 the worst

Values = dict[str, Any]  # Any: texts, and the list of levels


def rubric(rows: Sequence[Row], bench: Bench, sample: int) -> Found:
    """One mark by a rubric."""
    told = bench.values()
    return _found(rows, bench, sample, lambda row, view: told)


def prometheus(rows: Sequence[Row], bench: Bench, sample: int) -> Found:
    """One mark by a rubric with levels, and a reference where there is one (arXiv 2405.01535)."""
    told = bench.values()
    return _found(
        rows, bench, sample, lambda row, view: told | {"reference": _reference(row, view, bench)}
    )


def ultrafeedback(rows: Sequence[Row], bench: Bench, sample: int) -> Found:
    """Four marks, of which the mean counts (arXiv 2310.01377)."""
    return _found(rows, bench, sample, lambda row, view: {})


def _found(
    rows: Sequence[Row], bench: Bench, sample: int, beside: Callable[[Row, Shown], Values]
) -> Found:
    views = [shown(row) for row in rows]
    values = [
        view.values() | beside(row, view) for row, view in zip(rows, views, strict=True) if view
    ]
    replies = bench.asked(values, sample)
    done: Found = []
    for row, view in zip(rows, views, strict=True):
        if view is None:
            done.append(Silence(False, "no request with an answer"))
            continue
        reply = next(replies)
        done.append(silence(reply) if isinstance(reply, Fault) else _verdict(row, reply.value))
    return done


def _verdict(row: Row, value: Mapping[str, Any]) -> Verdict:  # Any: as the prompt's schema has it
    """Of a row that is to show what is bad, a bad answer is what it needs."""
    aspects = {name: int(value[name]) for name in ASPECTS if name in value}
    marks = list(aspects.values()) or [int(value["score"])]
    score = (sum(marks) / len(marks) - 1) / (BEST - 1)
    if row.form == "kto" and row.extra.get("label") is False:
        score = 1 - score
    said = {"aspects": aspects} if aspects else {"given": marks[0]}
    return Verdict(score, cut(value["reason"]), said)


def _reference(row: Row, view: Shown, bench: Bench) -> str:
    """The parent's answer where it answers the same and is another one, else ""."""
    parent = bench.parent(row)
    theirs = shown(parent) if parent else None
    if theirs is None or theirs[:2] != view[:2] or theirs.response == view.response:
        return ""
    return theirs.response
