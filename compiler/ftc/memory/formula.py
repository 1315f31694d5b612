"""Peak GPU memory of a fine-tuning run in closed form; docs/memory.md explains and judges it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ftc.memory.activations import (
    block_saved,
    block_scratch,
    kept_below_bytes,
    kept_bytes,
    mask_bytes,
)
from ftc.memory.job import GIB, Estimate, Job
from ftc.memory.loss import head_bytes, logits_made, loss_bytes
from ftc.memory.modules import (
    block_linear_parameters,
    lora_parameters,
    parameters,
    unknown_targets,
)
from ftc.memory.parallel import (
    SHARDED_MARGIN,
    States,
    communication_bytes,
    gathered_bytes,
    replica_bytes,
    sharded,
)
from ftc.memory.shape import Shape
from ftc.memory.weights import (
    adapter_bytes,
    dequantised_bytes,
    gradient_bytes,
    optimizer_bytes,
    optimizer_scratch,
    reference_bytes,
    trainable_parameters,
    weight_bytes,
)

__all__ = ["Estimate", "Job", "Shape", "estimate", "lora_parameters", "parameters"]

CUDA_CONTEXT = 0.55 * GIB  # seen: 0.47 on an RTX 4080, 0.65 on a T4 while training
SLACK = 0.2 * GIB  # cuBLAS workspace and idle allocator blocks
SLACK_SHARE = 0.02  # of the dynamic part
IDLE_PER_LOGIT = 4  # idle blocks of logits size that the allocator keeps
VARIABLE_LENGTHS = 1.33  # times the loss term, reserved more when lengths vary


def estimate(shape: Shape, job: Job) -> Estimate:
    """Memory of one card in GiB, at the moment when it is fullest."""
    whole = States(
        weights=weight_bytes(shape, job),
        reference=reference_bytes(shape, job),
        adapter=adapter_bytes(shape, job),
        optimizer=optimizer_bytes(shape, job),
        gradients=gradient_bytes(shape, job),
    )
    states = sharded(whole, job)
    peaks = _peaks(shape, job, states.gradients)
    dynamic = peaks.highest
    lasting = states.weights + states.reference + states.adapter + states.optimizer
    parallel = gathered_bytes(shape, job) + replica_bytes(states.gradients, job)
    if job.zero_stage >= 3:
        parallel += SHARDED_MARGIN * (lasting + dynamic + parallel)
    context = (CUDA_CONTEXT if job.device == "gpu" else 0) + communication_bytes(job)
    allocated = lasting + dynamic + parallel
    slack = SLACK_SHARE * dynamic + SLACK
    return Estimate(
        weights=states.weights / GIB,
        reference=states.reference / GIB,
        adapter=states.adapter / GIB,
        optimizer=states.optimizer / GIB,
        gradients=states.gradients / GIB,
        dynamic=dynamic / GIB,
        parallel=parallel / GIB,
        context=context / GIB,
        allocated=allocated / GIB,
        reserved=(allocated + slack + _idle(shape, job)) / GIB,
        needed=(allocated + slack + context) / GIB,
        peak_at=peaks.name,
        notes=_notes(shape, job),
    )


@dataclass(frozen=True)
class _Peaks:
    """Bytes of the dynamic part at the four moments that can be the fullest."""

    loss: float
    block: float
    backward_end: float
    step: float

    @property
    def highest(self) -> float:
        return max(self.loss, self.block, self.backward_end, self.step)

    @property
    def name(self) -> Literal["loss", "block", "end of backward", "optimizer step"]:
        if self.highest == self.loss:
            return "loss"
        if self.highest == self.block:
            return "block"
        return "end of backward" if self.highest == self.backward_end else "optimizer step"


def _peaks(shape: Shape, job: Job, gradients: float) -> _Peaks:
    return _Peaks(
        loss=_loss_peak(shape, job, gradients),
        block=_block_peak(shape, job, gradients),
        backward_end=_backward_end_peak(shape, job, gradients),
        step=gradients + optimizer_scratch(shape, job) / _state_cards(job),
    )


def _state_cards(job: Job) -> int:
    return job.gpus if job.zero_stage else 1


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
    block = (block_saved(shape, job) + block_scratch(shape, job)) * job.tokens
    block += dequantised_bytes(shape, job) + mask_bytes(job)
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


def _idle(shape: Shape, job: Job) -> float:
    """Reserved but idle blocks, given back under pressure: 1.2 to 8.5 V T were seen, and 1.3 to
    2.0 times the loss term more when rows are not packed, so that lengths vary."""
    if not logits_made(job):
        return 0
    constant = IDLE_PER_LOGIT * shape.vocab * job.tokens
    if job.packing or not job.padding:
        return constant
    return constant / 2 + VARIABLE_LENGTHS * loss_bytes(shape, job)


def _notes(shape: Shape, job: Job) -> tuple[str, ...]:
    """What the figure leaves out or takes on trust, one line each."""
    unknown = unknown_targets((*job.targets, *job.modules_to_save)) if not job.full else ()
    remarks = {
        f"not counted, sizes unknown: {', '.join(unknown)}": bool(unknown),
        f"base stored as {shape.quantized}, counted as 16-bit": bool(
            shape.quantized and not job.base_bits
        ),
        "preference losses: derived from code, never compared with a run": job.preference,
        "fused loss has no effect on preference stages": job.preference and job.loss == "fused",
        "DoRA: derived from code, never compared with a run": job.dora,
        "experts are taken to be quantised; some versions leave them in 16 bit": bool(
            shape.experts and job.base_bits
        ),
        "8-bit base: outlier columns are not counted": job.base_bits == 8,
        "several cards: weakly supported, 15 sharded runs lay 12 % above": job.gpus > 1,
        "main memory of a CPU run: derived, never compared with a run": job.device == "cpu",
    }
    return tuple(text for text, applies in remarks.items() if applies)
