"""The moments of a training step that can be the fullest, and what they hold beside the states.

Source: section 4 of the memory notes (docs/memory.md), "Peak".
"""

from __future__ import annotations

from typing import Literal, NamedTuple

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


class Peaks(NamedTuple):
    """Bytes of the dynamic part at the four moments that can be the fullest."""

    loss: float
    block: float
    backward_end: float
    step: float

    @property
    def highest(self) -> float:
        """Bytes at the fullest moment."""
        return max(self.loss, self.block, self.backward_end, self.step)

    @property
    def name(self) -> Literal["loss", "block", "end of backward", "optimizer step"]:
        """Which moment that is."""
        if self.highest == self.loss:
            return "loss"
        if self.highest == self.block:
            return "block"
        return "end of backward" if self.highest == self.backward_end else "optimizer step"


def peaks(shape: Shape, job: Job, gradients: float) -> Peaks:
    """The four moments; `gradients` are the card's own, after ZeRO."""
    return Peaks(
        loss=_loss_peak(shape, job, gradients),
        block=_block_peak(shape, job, gradients),
        backward_end=_backward_end_peak(shape, job, gradients),
        step=gradients + _step_scratch(shape, job),
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


def _loss_peak(shape: Shape, job: Job, gradients: float) -> float:
    """Start of backward: what all blocks kept, the head, the loss; gradients of the step so far
    when they accumulate."""
    loss, cast = loss_bytes(shape, job), _cast_bytes(shape, job)
    if job.full and cast and logits_made(job):
        loss = max(10 * shape.vocab * job.tokens + cast, loss + 2 * shape.vocab * shape.hidden)
        cast = 0
    elif not job.full and job.upcast_embeddings and job.mixed:
        loss += 2 * shape.vocab * shape.hidden
    cached = cast if job.full or not job.gradient_checkpointing else 0
    earlier = gradients if job.gradient_accumulation > 1 else 0
    held = kept_bytes(shape, job) + head_bytes(shape, job) + mask_bytes(job)
    return held + loss + cached + earlier


def _block_peak(shape: Shape, job: Job, gradients: float) -> float:
    """Backward of one block: kept tensors, the block's own, its scratch, a dequantised weight."""
    tokens = (block_saved(shape, job) + block_scratch(shape, job)) * job.tokens
    block = tokens + dequantised_bytes(shape, job) + mask_bytes(job)
    kept = kept_below_bytes(shape, job)
    if job.full:
        return block + _full_block_peak(shape, job, gradients, kept)
    cast = _cast_bytes(shape, job)
    cast = 2 * cast / shape.layers if job.gradient_checkpointing else cast
    return kept + block + cast + (gradients if job.gradient_accumulation > 1 else 0)


def _full_block_peak(shape: Shape, job: Job, gradients: float, kept: float) -> float:
    """Full fine-tuning: the first block in backward meets all kept tensors, the last one nearly
    all gradients; with accumulation the first one meets both."""
    share = job.gpus if job.zero_stage >= 2 else 1
    block = block_linear_parameters(shape) * job.trained_width
    head = shape.vocab * shape.hidden * job.trained_width
    if job.gradient_accumulation > 1:
        return kept + gradients + block
    last = job.stream_width * shape.hidden * job.tokens + gradients
    last -= (block + (0 if shape.tied else head)) / share
    return max(kept + head, last)


def _backward_end_peak(shape: Shape, job: Job, gradients: float) -> float:
    """Full fine-tuning: all gradients, and those of a tied embedding twice for a moment."""
    if not job.full:
        return 0
    tied = shape.vocab * shape.hidden * job.trained_width if shape.tied else 0
    return gradients + tied + 8 * shape.hidden * job.tokens
