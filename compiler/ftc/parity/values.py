"""Compares what both trainers go by: settings, steps, rates, groups, trained parameters, adapter.

Numbers are equal within 1e-12, relative: both tools compute them in double precision.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isclose, prod
from typing import Any

from ftc.parity.records import Level, Schedule, Told
from ftc.parity.report import Sides
from ftc.plan import Plan

RELATIVE = 1e-12
SHOWN = 4  # names of parameters in a sentence
# Settings that make the rows; the rest make the steps.
_DATA = (
    "stage",
    "model",
    "model_revision",
    "family",
    "turn_end",
    "thinking",
    "has_tools",
    "segments",
    "max_length",
    "packing",
    "train_on_prompt",
    "train_rows",
    "eval_rows",
    "tokens",
)
# Arguments of a trainer that the plan knows under the same name; the optimizer, noise and dropout
# may be others on a CPU: the settings in the configs are held to the plan instead.
_PLANNED = (
    "max_steps",
    "micro_batch",
    "gradient_accumulation",
    "effective_batch",
    "warmup_steps",
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "weight_decay",
    "max_grad_norm",
    "seed",
    "preference_beta",
    "preference_loss",
    "desirable_weight",
    "undesirable_weight",
)
_ADAPTER = {
    "rank": "lora_rank",
    "alpha": "lora_alpha",
    "dora": "lora_dora",
    "rslora": "lora_rslora",
    "targets": "lora_targets",
    "modules_to_save": "lora_modules_to_save",
}
_ABSENT = "not told"


@dataclass(frozen=True)
class Apart:
    """A value in which the two differ from each other or from the plan, in words too."""

    level: Level
    what: str
    planned: Any  # Any: values of plans and trainers
    sides: Sides
    text: str


def settings(plan: Plan, told: tuple[Told, Told], level: Level) -> Iterator[Apart]:
    """Settings that a config says otherwise than the plan."""
    values = plan.values()
    for name in sorted(set(told[0].settings) | set(told[1].settings)):
        said = tuple(it.settings.get(name, values.get(name)) for it in told)
        wanted = values.get(name)
        if (name in _DATA) is (level == "tokens") and not all(same(it, wanted) for it in said):
            which = [
                it.backend for it, one in zip(told, said, strict=True) if not same(one, wanted)
            ]
            text = f"the config of {' and of '.join(which)} does not say what the plan says"
            yield Apart(level, f"settings.{name}", wanted, (said[0], said[1]), text)


def schedule(plan: Plan, names: Sequence[str], one: Schedule, two: Schedule) -> Iterator[Apart]:
    """Everything in which two schedules differ, or leave the plan."""
    if one.steps != two.steps or one.steps != plan.max_steps:
        yield _apart("steps", plan.max_steps, (one.steps, two.steps), names)
    yield from _rates(one.rates, two.rates)
    yield from _groups(names, one, two)
    yield from _trainable(names, one.trainable, two.trainable)
    for key in sorted(set(one.adapter) | set(two.adapter)):
        sides = one.adapter.get(key), two.adapter.get(key)
        wanted = getattr(plan, _ADAPTER[key]) if key in _ADAPTER else None
        if _off(sides, wanted, key in _ADAPTER):
            yield _apart(f"adapter.{key}", wanted, sides, names)
    yield from _arguments(plan, names, one.arguments, two.arguments)


def same(one: Any, two: Any) -> bool:
    """Equal as settings: numbers within 1e-12, lists of names in any order, None as none."""
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two or (one in (None, False) and two in (None, False))
    if isinstance(one, int | float) and isinstance(two, int | float):
        return isclose(one, two, rel_tol=RELATIVE)
    if isinstance(one, str) != isinstance(two, str) and one is not None and two is not None:
        one, two = ([it] if isinstance(it, str) else it for it in (one, two))
    if _listed(one) and _listed(two):
        return sorted(map(str, one or ())) == sorted(map(str, two or ()))
    return bool(one == two)


def relative(one: float, two: float) -> float:
    """The difference as a share of the larger of the two; not a number counts as endless."""
    if one == two:
        return 0.0
    share = abs(one - two) / max(abs(one), abs(two))
    return share if share == share else float("inf")


def _listed(value: Any) -> bool:
    return value is None or isinstance(value, list | tuple)


def _off(sides: Sides, wanted: Any, planned: bool) -> bool:
    return not same(*sides) or (planned and not all(same(side, wanted) for side in sides))


def _apart(
    what: str, planned: Any, sides: Sides, names: Sequence[str], *, level: Level = "steps"
) -> Apart:
    if same(*sides):
        text = "both tools alike, but not as planned"
    else:
        numbers = all(isinstance(it, float) for it in sides)
        much = f"; they differ by {relative(*sides):.1e} of the larger" if numbers else ""
        text = f"{names[0]}: {said(sides[0])}, {names[1]}: {said(sides[1])}{much}"
    return Apart(level, what, planned, sides, text)


def said(value: Any) -> str:
    """A value as a sentence says it."""
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return repr(value) if isinstance(value, float) else str(value)


def _rates(one: Sequence[float], two: Sequence[float]) -> Iterator[Apart]:
    if len(one) != len(two):
        text = f"the rate is known of {len(one)} steps and of {len(two)}"
        yield Apart("steps", "rates", None, (len(one), len(two)), text)
        return
    off = [
        step
        for step, pair in enumerate(zip(one, two, strict=True))
        if not isclose(*pair, rel_tol=RELATIVE)
    ]
    if off:
        worst = max(off, key=lambda step: relative(one[step], two[step]))
        text = (
            f"the learning rate differs at {len(off)} of {len(one)} steps, "
            f"first at step {off[0] + 1} ({one[off[0]]!r} and {two[off[0]]!r}), "
            f"most at step {worst + 1} (by {relative(one[worst], two[worst]):.1e} of the larger)"
        )
        yield Apart("steps", "rates", None, (one[worst], two[worst]), text)


def _groups(names: Sequence[str], one: Schedule, two: Schedule) -> Iterator[Apart]:
    ours, theirs = _by_name(one), _by_name(two)
    yield from _names("groups.names", "in the optimizer", names, ours.keys(), theirs.keys())
    both = sorted(ours.keys() & theirs.keys())
    for place, what, words in ((0, "weight_decay", "weight decay"), (1, "rate", "learning rate")):
        sides = [(ours[name][place], theirs[name][place]) for name in both]
        off = [n for n, pair in zip(both, sides, strict=True) if not same(*pair)]
        if off:
            first = ours[off[0]][place], theirs[off[0]][place]
            text = (
                f"{len(off)} of {len(both)} parameters have another {words}: {_few(off)} "
                f"({names[0]}: {first[0]!r}, {names[1]}: {first[1]!r})"
            )
            yield Apart("steps", f"groups.{what}", None, first, text)


def _by_name(it: Schedule) -> dict[str, tuple[float, float]]:
    return {name: (group.weight_decay, group.rate) for group in it.groups for name in group.names}


def _trainable(
    names: Sequence[str],
    one: Mapping[str, tuple[int, ...]],
    two: Mapping[str, tuple[int, ...]],
) -> Iterator[Apart]:
    yield from _names("trainable.names", "trained", names, one.keys(), two.keys())
    off = [n for n in sorted(one.keys() & two.keys()) if tuple(one[n]) != tuple(two[n])]
    if off:
        text = f"{len(off)} trained parameters have another shape: {_few(off)}"
        yield Apart("steps", "trainable.shapes", None, (one[off[0]], two[off[0]]), text)
    counts = parameters(one), parameters(two)
    if counts[0] != counts[1]:
        yield _apart("trainable.count", None, counts, names)


def parameters(trainable: Mapping[str, Sequence[int]]) -> int:
    """How many numbers are trained."""
    return sum(prod(shape) for shape in trainable.values())


def _names(what: str, words: str, tools: Sequence[str], one: Any, two: Any) -> Iterator[Apart]:
    alone = sorted(set(one) - set(two)), sorted(set(two) - set(one))
    if any(alone):
        text = "; ".join(
            f"{len(only)} parameters are {words} in {tool} only: {_few(only)}"
            for tool, only in zip(tools, alone, strict=True)
            if only
        )
        yield Apart("steps", what, None, (tuple(alone[0][:SHOWN]), tuple(alone[1][:SHOWN])), text)


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _arguments(
    plan: Plan, names: Sequence[str], one: Mapping[str, Any], two: Mapping[str, Any]
) -> Iterator[Apart]:
    alone = max(_number(it.get("gradient_accumulation")) for it in (one, two)) <= 1
    for key in sorted(set(one) | set(two)):
        if key == "loss_average" and alone:  # one micro-batch a step: both ways are one
            continue
        if (key in one) != (key in two):
            sides = one.get(key, _ABSENT), two.get(key, _ABSENT)
            if not same(one.get(key), two.get(key)):
                yield _apart(f"arguments.{key}", None, sides, names)
            continue
        wanted = getattr(plan, key) if key in _PLANNED else None
        if _off((one[key], two[key]), wanted, wanted is not None):
            yield _apart(f"arguments.{key}", wanted, (one[key], two[key]), names)


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) else 1
