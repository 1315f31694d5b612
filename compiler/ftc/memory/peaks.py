"""The moments of a training step that can be the fullest, and what they hold beside the states.

Source: section 4 of the memory notes (docs/memory.md), "Peak".
"""

from __future__ import annotations

from typing import NamedTuple

from ftc.memory.activations import (
    block_saved,
    block_scratch,
    kept_below_bytes,
    kept_bytes,
    mask_bytes,
)
from ftc.memory.job import Job
from ftc.memory.loss import head_bytes, logits_made, loss_bytes
from ftc.memory.modules import block_linear_parameters
from ftc.memory.parallel import step_copy_bytes
from ftc.memory.shape import Shape
from ftc.memory.weights import dequantised_bytes, optimizer_scratch, trainable_parameters


class Moment(NamedTuple):
    """Bytes of the dynamic part at one moment, by what they are for."""

    name: str
    weights: float = 0.0
    quantization: float = 0.0
    gradients: float = 0.0
    optimizer: float = 0.0
    checkpoints: float = 0.0
    block: float = 0.0
    loss: float = 0.0

    def total(self) -> float:
        """All of it."""
        return sum(self[1:])


def moments(shape: Shape, job: Job, gradients: float) -> tuple[Moment, ...]:
    """The four moments of a training step; `gradients` are the card's own, after ZeRO."""
    return (
        _loss_moment(shape, job, gradients),
        _block_moment(shape, job, gradients),
        _backward_end_moment(shape, job, gradients),
        Moment("optimizer step", gradients=gradients, optimizer=_step_scratch(shape, job)),
    )


def _step_scratch(shape: Shape, job: Job) -> float:
    """Copies that live only while the optimizer runs; on the host when it is offloaded."""
    if job.zero_stage and job.offload_optimizer:
        return 0
    scratch = optimizer_scratch(shape, job) / (job.gpus if job.zero_stage else 1)
    return scratch + step_copy_bytes(trainable_parameters(shape, job), job)


def _cast_bytes(shape: Shape, job: Job) -> float:
    """bf16 copies of fp32 trainable weights that autocast caches until the forward pass ends."""
    if not job.mixed or job.trained_width == 2:
        return 0
    return trainable_parameters(shape, job) * 2


def _loss_moment(shape: Shape, job: Job, gradients: float) -> Moment:
    """Start of backward: what all blocks kept, the head, the loss; gradients of the step so far
    when they accumulate."""
    loss, cast = loss_bytes(shape, job), _cast_bytes(shape, job)
    if job.full and cast and logits_made(job):
        loss = max(10 * shape.vocab * job.tokens + cast, loss + 2 * shape.vocab * shape.hidden)
        cast = 0
    elif not job.full and job.upcast_embeddings and job.mixed:
        loss += 2 * shape.vocab * shape.hidden
    cached = cast if job.full or not job.gradient_checkpointing else 0
    return Moment(
        "loss",
        gradients=gradients if job.gradient_accumulation > 1 else 0.0,
        checkpoints=kept_bytes(shape, job) + cached,
        block=mask_bytes(job),
        loss=head_bytes(shape, job) + loss,
    )


def _block_moment(shape: Shape, job: Job, gradients: float) -> Moment:
    """Backward of one block: kept tensors, the block's own, its scratch, a dequantised weight."""
    tokens = (block_saved(shape, job) + block_scratch(shape, job)) * job.tokens
    kept: float = kept_below_bytes(shape, job)
    cast = 0.0 if job.full else _cast_bytes(shape, job)
    cast = 2.0 * cast / shape.layers if job.gradient_checkpointing else cast
    if job.full:
        kept, gradients = _full_block(shape, job, gradients, kept)
    elif job.gradient_accumulation == 1:
        gradients = 0.0
    return Moment(
        "block",
        quantization=dequantised_bytes(shape, job),
        gradients=gradients,
        checkpoints=kept,
        block=tokens + mask_bytes(job) + cast,
    )


def _full_block(shape: Shape, job: Job, gradients: float, kept: float) -> tuple[float, float]:
    """Kept tensors and gradients in full fine-tuning: the first block in backward meets all kept
    tensors, the last one nearly all gradients; with accumulation the first one meets both."""
    share = job.gpus if job.zero_stage >= 2 else 1
    block = block_linear_parameters(shape) * job.trained_width
    head = shape.vocab * shape.hidden * job.trained_width
    if job.gradient_accumulation > 1:
        return kept, gradients + block
    nearly_all = gradients - (block + (0 if shape.tied else head)) / share
    last = job.stream_width * shape.hidden * job.tokens
    return max((kept, head), (last, nearly_all), key=sum)


def _backward_end_moment(shape: Shape, job: Job, gradients: float) -> Moment:
    """Full fine-tuning: all gradients, and those of a tied embedding twice for a moment."""
    if not job.full:
        return Moment("end of backward")
    tied = shape.vocab * shape.hidden * job.trained_width if shape.tied else 0
    return Moment(
        "end of backward", gradients=gradients + tied, block=8 * shape.hidden * job.tokens
    )
