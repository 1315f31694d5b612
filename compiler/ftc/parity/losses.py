"""Compares the losses of both tools step by step, or holds one to a prediction."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from ftc.parity.records import Told
from ftc.parity.report import Curves, Mode
from ftc.parity.values import relative

TOLERANCE: dict[Mode, float] = {"exact": 1e-6, "native": 1e-4}  # relative, in fp32 on a CPU
_EXPECTED = (
    "{tool} {version} averages the loss over micro-batches, the other tool over tokens: "
    "with more than one micro-batch a step the losses are expected to differ"
)


def curves(told: tuple[Told, Told], mode: Mode, predicted: Told | None) -> Curves:
    """The curves of both tools.

    `predicted` is the run of the tool that averages over tokens, made to average over micro-batches
    as the other does; where the tools average alike it is not looked at.
    """
    why, whose = expected(told)
    ours, theirs = told[0].losses, told[1].losses
    foreseen = predicted.losses if predicted is not None and why else ()
    held = (told[whose].losses, foreseen) if foreseen else (ours, theirs)
    largest, at = _largest(*held)
    return Curves(
        sides=(ours, theirs),
        predicted=foreseen,
        against="prediction" if foreseen else "tools",
        largest=largest,
        at=at,
        between=_largest(ours, theirs)[0],
        tolerance=TOLERANCE[mode],
        within=bool(held[0]) and len(held[0]) == len(held[1]) and largest <= TOLERANCE[mode],
        expected=why,
    )


def _largest(one: Sequence[float], two: Sequence[float]) -> tuple[float, int]:
    """The largest relative difference and its step, from 1; step 0 when there are no losses."""
    found = [
        relative(*pair) if all(map(isfinite, pair)) else float("inf")
        for pair in zip(one, two, strict=False)
    ]
    worst = max(range(len(found)), key=found.__getitem__, default=-1)
    return (found[worst], worst + 1) if found else (0.0, 0)


def expected(told: Sequence[Told]) -> tuple[str, int]:
    """Why the curves are expected to differ, "" if they are not, and which tool is the odd one."""
    arguments = [it.schedule.arguments if it.schedule else {} for it in told]
    ways = [it.get("loss_average", "tokens") for it in arguments]
    most = max(it.get("gradient_accumulation", 1) for it in arguments)
    if most <= 1 or ways[0] == ways[1]:
        return "", 0
    whose = ways.index("micro-batches") if "micro-batches" in ways else 0
    return _EXPECTED.format(tool=told[whose].backend, version=told[whose].version), whose
