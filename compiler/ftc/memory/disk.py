"""What a run writes: checkpoints, the final model or adapter. GiB, without logs and data."""

from __future__ import annotations

from typing import NamedTuple

from ftc.memory.job import GIB, Job
from ftc.memory.modules import parameters
from ftc.memory.shape import Shape
from ftc.memory.weights import ADAM_8BIT_BLOCK, trainable_parameters


class Disk(NamedTuple):
    """GiB. `checkpoint`: one of them, `model` + `optimizer`; `kept` of them; `total` with the
    final `model`; `merged`: the model that merging an adapter would write, not in `total`."""

    checkpoint: float
    kept: int
    total: float
    model: float
    optimizer: float
    merged: float


def disk(shape: Shape, job: Job, *, kept: int) -> Disk:
    """What stays on disk when `kept` checkpoints are kept."""
    kept = max(0, kept)
    trainable = trainable_parameters(shape, job)
    model = trainable * job.trained_width / GIB
    optimizer = _optimizer_bytes(shape, job, trainable) / GIB
    checkpoint = model + optimizer
    merged = 0.0 if job.full else parameters(shape) * job.base_width / GIB
    return Disk(checkpoint, kept, kept * checkpoint + model, model, optimizer, merged)


def _optimizer_bytes(shape: Shape, job: Job, trainable: int) -> float:
    """Two moments as wide as the weight, or a byte each; DeepSpeed writes an fp32 copy of the
    weights beside fp32 moments, and the weights again."""
    eight = job.optimizer in ("adamw_bnb_8bit", "paged_adamw_8bit")
    wide = shape.vocab * shape.hidden if job.full and eight else 0
    width = 4 if job.zero_stage else job.trained_width
    moments: float = 2 * width * trainable
    if eight:
        moments = (trainable - wide) * 2 * (1 + 4 / ADAM_8BIT_BLOCK) + wide * 8
    return moments + (6 * trainable if job.zero_stage else 0)
