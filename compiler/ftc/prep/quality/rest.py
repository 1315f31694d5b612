"""Rows unlike the rest: in form, tone or length, or in what they say to the same prompt."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from ftc.prep.diversity.measures import words
from ftc.prep.quality.survey import FORMS, by_row, forms, kinds
from ftc.prep.quality.view import Found, View

OPEN_TASKS = ("write", "brainstorm", "chat", "rewrite")  # several good answers; judgment
CLASHES = {  # tones that are heard as foreign among others
    "neutral": ("enthusiastic",),
    "formal": ("casual", "enthusiastic"),
    "casual": ("formal", "enthusiastic"),
    "enthusiastic": ("formal",),
}
RARE = ("capitals only", "no capitals", "many exclamation marks", "emoji")


def format_unlike_the_rest(seen: View) -> Iterator[Found]:
    """An answer lacks a form that nearly all have (lists, bold ...), or is written in capitals."""
    if seen.decision is None:
        return
    odd = seen.settings.odd_share
    has, told = (bits.tolist() for bits in forms(seen))
    for row, kind in _judged_rows(seen):
        norm = seen.decision.norm(kind)
        for bit, form in enumerate(FORMS):
            if norm is None or not told[row] >> bit & 1 or form.name not in norm.forms:
                continue
            share, own = norm.forms[form.name], has[row] >> bit & 1
            if share >= 1 - odd and not own:
                yield Found(row, 1.0, f"no {form.name}, which {share:.0%} have")
            elif share <= odd and own and form.name in RARE:
                yield Found(row, 1.0, f"{form.name}, which {share:.1%} have")


def tone_unlike_the_rest(seen: View) -> Iterator[Found]:
    """An answer has a tone that few have, where nearly all others share one."""
    if seen.decision is None:
        return
    odd = seen.settings.odd_share
    for row, kind in _judged_rows(seen):
        norm = seen.decision.norm(kind)
        tone = seen.tones[row]
        if norm is None or not tone:
            continue
        most = max(norm.tones, key=lambda name: norm.tones[name])
        few = norm.tones[most] >= 1 - odd and norm.tones.get(tone, 0.0) <= odd
        if few and tone in CLASHES[most]:
            yield Found(row, 1.0, f"{tone}, where {norm.tones[most]:.0%} are {most}")


def length_outlier(seen: View) -> Iterator[Found]:
    """An answer, or its length by that of the prompt, is far from those to the same task."""
    if seen.decision is None:
        return
    counts = by_row(seen.words, seen.said.lasts)
    logs = np.log1p(counts)
    ratios = logs - np.log1p(words(pa.array(seen.said.instructions, pa.string())))
    bound = seen.settings.outlier
    for row, kind in _judged_rows(seen):
        norm = seen.decision.norm(kind)
        if norm is None or not counts[row]:
            continue
        for value, (middle, spread), what in (
            (logs[row], norm.words, "words"),
            (ratios[row], norm.ratio, "words for each of the prompt"),
        ):
            far = (value - middle) / spread
            if abs(far) > bound:
                usual = np.expm1(middle) if what == "words" else np.exp(middle)
                own = counts[row] if what == "words" else np.exp(value)
                yield Found(row, min(1.0, abs(far) / bound - 0.5), _shown(own, usual, what))
                break


def _shown(own: float, usual: float, what: str) -> str:
    return f"{own:.3g} {what}, where {usual:.3g} are usual"


def same_row_twice(seen: View) -> Iterator[Found]:
    """An earlier row says the same; case and spaces do not count."""
    return _decided(seen, "twice", lambda row: 1.0)


def contradicting_rows(seen: View) -> Iterator[Found]:
    """Another row gives another answer to the same prompt; half as bad where many are right."""
    return _decided(seen, "against", lambda row: 0.5 if seen.tasks[row] in OPEN_TASKS else 1.0)


def _decided(seen: View, kind: str, severity: Callable[[int], float]) -> Iterator[Found]:
    if seen.decision is not None:
        for row, detail in getattr(seen.decision, kind).items():
            yield Found(row, severity(row), detail)


def _judged_rows(seen: View) -> Iterator[tuple[int, str]]:
    """(row, kind) of the rows whose last answer is judged."""
    compared = kinds(seen)
    for row, last in enumerate(seen.said.lasts.tolist()):
        if last >= 0 and seen.judged[last]:
            yield row, compared[row]
