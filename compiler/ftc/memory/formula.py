"""Peak GPU memory of a fine-tuning run in closed form; docs/memory.md explains and judges it."""

from __future__ import annotations

from ftc.memory.job import GIB, Estimate, Job
from ftc.memory.loss import logits_made, loss_bytes
from ftc.memory.modules import lora_parameters, parameters, unknown_targets
from ftc.memory.parallel import (
    SHARDED_MARGIN,
    States,
    bucket_bytes,
    communication_bytes,
    gathered_bytes,
    replica_bytes,
    sharded,
)
from ftc.memory.peaks import peaks
from ftc.memory.shape import Shape
from ftc.memory.weights import (
    adapter_bytes,
    gradient_bytes,
    optimizer_bytes,
    reference_bytes,
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
    moments = peaks(shape, job, states.gradients)
    dynamic = moments.highest
    lasting = states.weights + states.reference + states.adapter + states.optimizer
    parallel = gathered_bytes(shape, job) + bucket_bytes(shape, job)
    parallel += replica_bytes(states.gradients, job)
    if job.zero_stage >= 3:
        parallel += SHARDED_MARGIN * (lasting + parallel)
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
        peak_at=moments.name,
        notes=_notes(shape, job),
    )


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
        "preference losses: traced on a CPU, never compared with a run": job.preference,
        "fused loss has no effect on preference stages": job.preference and job.loss == "fused",
        "DoRA: derived from code, never compared with a run": job.dora,
        "experts are taken to be quantised; some versions leave them in 16 bit": bool(
            shape.experts and job.base_bits
        ),
        "8-bit base: outlier columns are not counted": job.base_bits == 8,
        "several cards: compared with 13 published ZeRO-3 and FSDP runs only": job.gpus > 1,
        "main memory of a CPU run: derived, never compared with a run": job.device == "cpu",
    }
    return tuple(text for text, applies in remarks.items() if applies)
