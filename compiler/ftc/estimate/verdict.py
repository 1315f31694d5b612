"""Whether what a run needs fits into a budget, as far as that can be said."""

from __future__ import annotations

from typing import Literal

from ftc.memory.confidence import Confidence

Verdict = Literal["fits", "may not fit", "does not fit", "not judged"]
VERDICTS: tuple[Verdict, ...] = ("not judged", "fits", "may not fit", "does not fit")
UNCERTAIN: tuple[Verdict, ...] = ("may not fit", "does not fit")
UNSURE = 0.9  # share of the budget that an estimate of low confidence may fill and still fit


def judged(needed: float, confidence: Confidence, budget: float | None) -> Verdict:
    """Whether `needed` GiB fit into a budget.

    What the formula puts over the budget does not fit: `ftc check` and `ftc build` say so too.
    What it puts below fits when the whole range does, a range of low confidence with room left.
    """
    if budget is None:
        return "not judged"
    if needed > budget:
        return "does not fit"
    room = budget * UNSURE if confidence.level == "low" else budget
    return "fits" if needed * confidence.high <= room else "may not fit"
