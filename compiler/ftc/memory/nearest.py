"""Which measured runs are most like a job, so that an estimate can be held against them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from ftc.memory.formula import estimate
from ftc.memory.job import Job
from ftc.memory.measured import Metric, Row
from ftc.memory.modules import parameters
from ftc.memory.shape import Shape

# Of several figures of one run, the one that is shown: nearest to "does it fit" first.
FIRST: tuple[Metric, ...] = ("device", "needed", "allocated", "reserved")
OTHER_CODE = ("litgpt",)  # loops over model code of their own: shown only for want of better


class Near(NamedTuple):
    """A measured run with what the formula says of it (GiB, same metric). `distance` has no unit:
    1 is about as far as a model or a batch 2.7 times as large."""

    row: Row
    predicted: float
    distance: float


def nearest(shape: Shape, job: Job, rows: Iterable[Row], count: int = 3) -> list[Near]:
    """The `count` runs most like `job` on `shape`, the nearest first; each run once."""
    runs: dict[tuple[Shape, Job], Row] = {}
    for row in rows:
        other = runs.get((row.shape, row.job))
        if other is None or FIRST.index(row.metric) < FIRST.index(other.metric):
            runs[row.shape, row.job] = row
    far = sorted(((distance(shape, job, row), row) for row in runs.values()), key=lambda p: p[0])
    return [Near(row, predicted(row), gap) for gap, row in far[:count]]


def predicted(row: Row) -> float:
    """What the formula says of a row's own metric, GiB."""
    got = estimate(row.shape, row.job)
    if row.metric == "device":
        return got.reserved + got.context
    figure: float = getattr(got, row.metric)
    return figure


def distance(shape: Shape, job: Job, row: Row) -> float:
    """How unlike two runs are: sizes by their ratio, settings by what they change in memory.

    The weights are a judgement of what moves memory most; they decide only what is shown.
    """
    other = row.job
    apart = abs(math.log(_size(shape) / _size(row.shape)))
    apart += 0.7 * abs(math.log(job.tokens / other.tokens))
    apart += 0.2 * abs(math.log(job.max_length / other.max_length))
    apart += 0.2 * (shape.model_type != row.shape.model_type)
    apart += 2.0 * (job.full != other.full)
    apart += 1.0 * (job.base_bits != other.base_bits)
    apart += 1.0 * (job.gradient_checkpointing != other.gradient_checkpointing)
    apart += 1.0 * ((job.gpus > 1) != (other.gpus > 1)) + 0.5 * (job.zero_stage != other.zero_stage)
    apart += 0.7 * ((job.loss == "fused") != (other.loss == "fused"))
    apart += 1.0 * (job.preference != other.preference) + 2.0 * (job.device != other.device)
    apart += 0.3 * (job.optimizer != other.optimizer) if job.full else 0
    apart += 0.3 * (bool(shape.experts) != bool(row.shape.experts))
    apart += 0.1 * abs(math.log((job.rank or 1) / (other.rank or 1)))
    apart += 0.1 * (job.targets != other.targets) + 0.01 * (job != other)
    apart += 2.0 * (row.group in OTHER_CODE)
    return apart


@lru_cache(maxsize=256)
def _size(shape: Shape) -> int:
    return parameters(shape)
