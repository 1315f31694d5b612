"""What a run writes: checkpoints and the result. GiB, without logs and data.

Read off transformers 5.20 `Trainer._save_checkpoint` and peft 0.21 `save_pretrained`, which both
tools use, and equal within 0.1 % to what four runs wrote (tests/memory/disks.toml). What DeepSpeed
writes is read off its code, never compared with a run.
"""

from __future__ import annotations

from typing import NamedTuple

from ftc.memory.job import GIB, Job
from ftc.memory.modules import HEADS, linears, parameters, targeted
from ftc.memory.shape import Shape
from ftc.memory.weights import ADAM_8BIT_BLOCK, trainable_parameters

# Seen in those runs: names, shapes and zip entries of a tensor in safetensors and in optimizer.pt,
# a vocabulary entry in tokenizer.json, and the small files beside (rng, scheduler, arguments).
TENSOR, STATE = 120, 815
ENTRY = 72
REST = 40_000


class Disk(NamedTuple):
    """GiB. `checkpoint`: one of them, `model` + `optimizer`; `kept`: how many stay; `total`: those
    and the result, which is `model` again; `peak`: while the next checkpoint is written before the
    oldest goes; `merged`: what merging an adapter into its base would write, not in `total`."""

    checkpoint: float
    kept: int
    total: float
    model: float
    optimizer: float
    merged: float
    peak: float


def disk(shape: Shape, job: Job, *, kept: int) -> Disk:
    """What stays on disk when `kept` checkpoints are kept."""
    kept = max(0, kept)
    model, optimizer = model_bytes(shape, job) / GIB, optimizer_bytes(shape, job) / GIB
    checkpoint = model + optimizer
    total = kept * checkpoint + model
    merged = 0.0 if job.full else parameters(shape) * job.base_width / GIB
    peak = max(total, (kept + 1) * checkpoint if kept else 0.0)
    return Disk(checkpoint, kept, total, model, optimizer, merged, peak)


def model_bytes(shape: Shape, job: Job) -> float:
    """Trained weights in the type they are trained in (bf16 under DeepSpeed), and the tokenizer.

    peft writes an embedding or head that has an adapter whole as well.
    """
    weights = trainable_parameters(shape, job) * job.trained_width
    if not job.full:
        heads = {name.rsplit(".", 1)[-1] for name in job.targets} & set(HEADS)
        weights += len(heads) * shape.vocab * shape.hidden * job.base_width
    return weights + TENSOR * _tensors(shape, job) + ENTRY * shape.vocab + REST


def optimizer_bytes(shape: Shape, job: Job) -> float:
    """Two moments as wide as the weight, or a byte each and an absmax per 256 of them.

    DeepSpeed writes fp32 moments, an fp32 copy of the weights, and the trained weights once more.
    """
    count, width = trainable_parameters(shape, job), 4 if job.zero_stage else job.trained_width
    moments = float(2 * width * count)
    if job.optimizer in ("adamw_bnb_8bit", "paged_adamw_8bit"):
        wide = shape.vocab * shape.hidden if job.full else 0
        moments = (count - wide) * 2 * (1 + 4 / ADAM_8BIT_BLOCK) + wide * 8
    return moments + (6 * count if job.zero_stage else 0) + STATE * _tensors(shape, job)


def _tensors(shape: Shape, job: Job) -> int:
    """How many tensors are trained, roughly."""
    if not job.full:
        return 2 * shape.layers * len(targeted(shape, job.targets)) + len(job.modules_to_save)
    block = sum(it.copies for it in linears(shape)) + shape.norms
    return shape.layers * block + (2 if shape.tied else 3)
