"""What follows of differences: numbers that no key says, such as the steps of the whole run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any, get_args

from ftc.backends.memory import job as tool_job
from ftc.convert import neutral
from ftc.convert.difference import Difference, alike, of
from ftc.convert.sides import Side
from ftc.memory.formula import estimate
from ftc.memory.job import Job
from ftc.memory.weights import trainable_parameters
from ftc.recipe import Optimizer, Stage
from ftc.resolve.memory import plan_job

# Said in one line each, whichever of them is set.
TOGETHER = ("max_steps", "epochs", "warmup_steps", "warmup_ratio")
ALL = ("all-linear",)
_NEEDED = ("method", "max_length", "micro_batch", "dtype", "optimizer", "stage")
_USUAL = {"attention": "sdpa", "gradient_checkpointing": False, "liger_kernel": False, "gpus": 1}
_USUAL |= {"lora_dropout": 0.0, "lora_dora": False, "tf32": False, "offload_optimizer": False}


@dataclass(frozen=True)
class Effect:
    """A figure of both sides, None where one of them has none."""

    name: str
    left: float | None
    right: float | None

    @property
    def ratio(self) -> float | None:
        """Right by left."""
        return self.right / self.left if self.left and self.right is not None else None

    def mirrored(self) -> Effect:
        """The same, seen from the other side."""
        return Effect(self.name, self.right, self.left)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return vars(self) | {"ratio": self.ratio}


def completed(side: Side, other: Side) -> Side:
    """With the rows of a step over all cards, and all linear layers by their names."""
    values, left = dict(side.values), set(side.left)
    cards = values.get("gpus") or other.values.get("gpus") or 1
    parts = ("micro_batch", "gradient_accumulation")
    if "effective_batch" not in values and all(isinstance(values.get(it), int) for it in parts):
        values["effective_batch"] = values[parts[0]] * values[parts[1]] * cards
        left |= {"effective_batch"} if left.issuperset(parts) else set()
    targets = values.get("lora_targets")
    if targets and tuple(targets) == ALL and side.shape and side.shape.modules:
        values["lora_targets"] = tuple(sorted(side.shape.modules))
    return replace(side, values=values, left=frozenset(left))


def together(left: Side, right: Side) -> Iterator[Difference]:
    """The length of the run and its warm-up, each in the words that a side has for it."""
    one, two = _length(left), _length(right)
    if one and two and not _as_long(one, two, left, right):
        yield _spans("length", one, two, left, right)
    one, two = _warmup(left), _warmup(right)
    constant = left.values.get("lr_scheduler") == right.values.get("lr_scheduler") == "constant"
    if one and two and not constant and not _as_warm(one, two, left, right):
        yield _spans("warmup", one, two, left, right)


Span = tuple[str, float]  # the concept that says it, and its value


def _spans(name: str, one: Span, two: Span, left: Side, right: Side) -> Difference:
    return replace(
        of(name, _lasts(one), _lasts(two)),
        left_default=one[0] in left.left,
        right_default=two[0] in right.left,
    )


def _length(side: Side) -> Span | None:
    return _first(side, "max_steps", "epochs")


def _warmup(side: Side) -> Span | None:
    names = ("warmup_ratio", "warmup_steps")
    return _first(side, *(names if "warmup_steps" in side.left else reversed(names)))


def _first(side: Side, *names: str) -> Span | None:
    """What the tool looks at first of what is there."""
    return next(((it, side.values[it]) for it in names if it in side.values), None)


def _as_long(one: Span, two: Span, left: Side, right: Side) -> bool:
    if one[0] == two[0]:
        return alike(one[1], two[1])
    return left.steps is not None and left.steps == right.steps


def _as_warm(one: Span, two: Span, left: Side, right: Side) -> bool:
    if one[0] == two[0]:
        return alike(one[1], two[1])
    if one[0] == "warmup_steps":
        return _as_warm(two, one, right, left)
    share, steps = one[1], two[1]
    if not steps or not share:
        return steps == share
    whole = left.steps or right.steps  # a share is one of its own side's
    return whole is not None and abs(share * whole - steps) <= 1  # the tools round otherwise


def _lasts(span: Span) -> str:
    name, value = span
    if name == "warmup_ratio":
        return f"{100 * value:g} % of all steps"
    unit = "epoch" if name == "epochs" else "step"
    return f"{value:g} {unit}" + ("s" if value != 1 else "")


# ------------------------------------------------------------------------------------- figures


def effects(left: Side, right: Side) -> Iterator[Effect]:
    """The figures that are known of both sides and are not the same."""
    one, two = dict(_figures(left)), dict(_figures(right))
    if "steps in all" in one and "steps in all" in two:
        one.pop("steps for 1,000 rows", None)
    for name, value in one.items():
        if name in two and not alike(value, two[name]):
            yield Effect(name, value, two[name])


def _figures(side: Side) -> Iterator[tuple[str, float]]:
    values = side.values
    batch, length, rate = (
        _number(values.get(name)) for name in ("effective_batch", "max_length", "learning_rate")
    )
    if batch and length:
        yield "tokens a step, at most", batch * length
    if side.steps:
        yield "steps in all", side.steps
    epochs = _number(values.get("epochs"))
    if epochs and batch and "max_steps" not in values and not values.get("packing"):
        yield "steps for 1,000 rows", round(1000 * epochs / batch)
    if batch and rate:
        yield "learning rate for a row", rate / batch
    rank, alpha = _number(values.get("lora_rank")), _number(values.get("lora_alpha"))
    if rank and alpha and values.get("method") != "full":
        yield "scale of the adapter", alpha / (sqrt(rank) if values.get("lora_rslora") else rank)
    yield from _sizes(side)
    yield from _seen(side)


def _number(value: Any) -> float | None:
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if plain else None


def _sizes(side: Side) -> Iterator[tuple[str, float]]:
    job = _job(side) if side.shape else None
    if job is None or side.shape is None:
        return
    yield "trained parameters", trainable_parameters(side.shape, job)
    if not _spread(side):
        yield "GiB of memory on a card, estimated", round(estimate(side.shape, job).needed, 1)


def _spread(side: Side) -> bool:
    """What a config of DeepSpeed or FSDP spreads over the cards is not looked at."""
    return side.plan is None and any(side.config.get(it) for it in ("deepspeed", "fsdp_config"))


def _job(side: Side) -> Job | None:
    """The memory job; None where something that it takes is not known, or not to the formula."""
    values = side.values
    if any(values.get(name) is None for name in _NEEDED):
        return None
    adapted = values["method"] != "full"
    if values["optimizer"] not in get_args(Optimizer) or values["stage"] not in get_args(Stage):
        return None
    if adapted and not (values.get("lora_rank") and values.get("lora_targets")):
        return None
    plan = side.plan or neutral.plan(_USUAL | dict(values))
    said = plan_job(plan)
    if not (side.config and side.tool):
        return said
    try:
        told = tool_job(plan, side.tool, side.version, side.config)
    except (TypeError, ValueError, KeyError):  # values that the key tables alone do not take
        return said
    missing = [name for name, value in vars(told).items() if value is None]
    return replace(told, **{name: getattr(said, name) for name in missing})


def _seen(side: Side) -> Iterator[tuple[str, float]]:
    """What a run folder holds of its run."""
    run = side.record
    if run is None:
        return
    peak = run.peak.allocated if run.peak.allocated is not None else run.peak.resident
    for name, value in (
        ("steps that were done", run.steps),
        ("final loss", run.last_loss),
        ("evaluation loss", run.eval_loss),
        ("seconds", run.seconds),
        ("GiB of memory at the peak", peak),
    ):
        if value is not None:
            yield name, value
