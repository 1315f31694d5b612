"""The moments of a training step that can be the fullest, and what they hold beside the states.

Source: section 4 of the memory notes (docs/memory.md), "Peak".
"""

from __future__ import annotations

from typing import NamedTuple

from ftc.memory.activations import block_saved, kept_below_bytes, kept_bytes, mask_bytes
from ftc.memory.job import Job
from ftc.memory.loss import fp32_head, head_bytes, logits_made, loss_bytes
from ftc.memory.modules import Linear, block_linear_parameters, linears
from ftc.memory.parallel import step_copy_bytes
from ftc.memory.scratch import (
    backward_scratch,
    dora_bytes,
    down_scratch,
    early_scratch,
    late_scratch,
    mlp_end_scratch,
)
from ftc.memory.shape import Shape
from ftc.memory.weights import dequantised_bytes, optimizer_scratch, trainable_parameters
from ftc.memory.widths import mlp_width


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
    """The moments of a training step that can be the fullest; `gradients` are the card's own,
    after ZeRO."""
    return (
        _loss_moment(shape, job, gradients),
        _block_moment(shape, job, gradients),
        _backward_end_moment(shape, job, gradients),
        Moment("optimizer step", gradients=gradients, optimizer=_step_scratch(shape, job)),
        _dora_moment(shape, job),
    )


def _dora_moment(shape: Shape, job: Job) -> Moment:
    """DoRA's own matrices, made beside nearly all that a forward pass keeps, or that one block
    does when it is recomputed."""
    if not job.dora or job.full:
        return Moment("block")
    block = block_saved(shape, job) * job.tokens + dora_bytes(shape, job)
    block += 6 * mlp_width(shape) * job.tokens
    return Moment("block", checkpoints=kept_below_bytes(shape, job), block=block)


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
    looked_up = shape.vocab * shape.hidden if job.full and not shape.tied else 0
    return (trainable_parameters(shape, job) - looked_up) * 2


def _loss_moment(shape: Shape, job: Job, gradients: float) -> Moment:
    """Start of backward: what all blocks kept, the head, the loss; gradients of the step so far
    when they accumulate."""
    loss, cast = loss_bytes(shape, job), _cast_bytes(shape, job)
    if job.full and cast and job.gradient_checkpointing and logits_made(job):
        loss = max(10 * shape.vocab * job.tokens + cast, loss + 2 * shape.vocab * shape.hidden)
        cast = 0
    elif not job.full and job.mixed and (job.upcast_embeddings or fp32_head(job)):
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
    saved, tokens = block_saved(shape, job), job.tokens
    kept: float = kept_below_bytes(shape, job)
    if job.full:
        return _full_block_moment(shape, job, gradients, kept)
    dequantised = dequantised_bytes(shape, job)
    scratch = max(
        backward_scratch(shape, job) * tokens,
        down_scratch(shape, job) * tokens + dequantised,
    )
    cast = _cast_bytes(shape, job)
    cast = 2.0 * cast / shape.layers if job.gradient_checkpointing else cast
    return Moment(
        "block",
        quantization=dequantised,
        gradients=gradients if job.gradient_accumulation > 1 else 0.0,
        checkpoints=kept,
        block=saved * tokens + scratch - dequantised + mask_bytes(job) + cast,
    )


def _full_block_moment(shape: Shape, job: Job, gradients: float, kept: float) -> Moment:
    """Full fine-tuning: the first block in backward meets all kept tensors, the last one nearly
    all gradients, most of them once its MLP is through; with accumulation the first meets both."""
    share, width = (job.gpus if job.zero_stage >= 2 else 1), job.trained_width
    saved, tokens = block_saved(shape, job), job.tokens
    head = shape.vocab * shape.hidden * width
    layers = linears(shape)
    down = sum(linear.size * linear.copies for linear in layers if linear.roles == ("down",))
    attention = sum(linear.size for linear in layers if _in_attention(linear))
    cast = 2 * block_linear_parameters(shape) if job.mixed and width == 4 else 0
    early = (saved + early_scratch(shape, job)) * tokens + cast
    late = (saved + late_scratch(shape, job)) * tokens + cast
    through = (saved + mlp_end_scratch(shape, job)) * tokens + cast
    kept += 0 if job.gradient_checkpointing else cast * (shape.layers - 1)
    last = job.stream_width * shape.hidden * tokens
    later = gradients - (0 if shape.tied else head) / share
    block = block_linear_parameters(shape)
    if job.gradient_accumulation > 1:
        candidates = [(kept, gradients, early), (kept, gradients + down * width, late)]
    else:
        candidates = [
            (kept, head, early),
            (kept, head + down * width, late),
            (last, later - block * width / share, early),
            (last, later - (block - down) * width / share, late),
            (last, later - attention * width / share, through),
        ]
    checkpoints, made, own = max(candidates, key=sum)
    return Moment("block", gradients=made, checkpoints=checkpoints, block=own + mask_bytes(job))


def _in_attention(linear: Linear) -> bool:
    return not set(linear.roles) & {"gate", "up", "down", "shared_gate"}


def _backward_end_moment(shape: Shape, job: Job, gradients: float) -> Moment:
    """Full fine-tuning: all gradients, and those of a tied embedding two or three times for a
    moment: the engine adds both in place only where a cast made the head's anew
    (torch csrc/autograd/input_buffer.cpp)."""
    if not job.full:
        return Moment("end of backward")
    copies = 1 if job.mixed and job.trained_width == 4 else 2
    own = shape.vocab * shape.hidden * job.trained_width
    tied = copies * own if shape.tied else 0
    again = own if job.gradient_accumulation > 1 else 0  # beside the one of earlier passes
    last = job.stream_width * shape.hidden * job.tokens
    return Moment("end of backward", gradients=gradients + tied + again, block=last)
