"""A run's three phases, each with what is on the card at its fullest moment: train, evaluate, load.

Sizes are GiB on one card. The evaluation step and the load start from what a training step leaves
behind: states stay, gradients are gone (transformers 5 `Trainer`: `zero_grad` before it evaluates).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from ftc.memory.evaluation import evaluation_moment
from ftc.memory.job import GIB, Job
from ftc.memory.load import load_moment
from ftc.memory.loss import logits_made, loss_bytes
from ftc.memory.parallel import (
    SHARDED_MARGIN,
    States,
    bucket_bytes,
    communication_bytes,
    gathered_bytes,
    replica_bytes,
    sharded,
)
from ftc.memory.peaks import Moment, moments
from ftc.memory.shape import Shape
from ftc.memory.weights import (
    adapter_bytes,
    gradient_bytes,
    optimizer_bytes,
    reference_bytes,
    scale_bytes,
    weight_bytes,
)
from ftc.memory.widths import settled

PARTS = (
    "weights",
    "quantization",
    "reference",
    "adapter",
    "gradients",
    "optimizer",
    "checkpoints",
    "block",
    "loss",
    "sharding",
    "overhead",
    "idle cache",
    "context",
)
CUDA_CONTEXT = 0.55 * GIB  # seen: 0.47 on an RTX 4080, 0.65 on a T4 while training
SLACK = 0.2 * GIB  # cuBLAS workspace and idle allocator blocks
SLACK_SHARE = 0.02  # of the dynamic part
IDLE_PER_LOGIT = 4  # idle blocks of logits size that the allocator keeps
VARIABLE_LENGTHS = 1.33  # times the loss term, reserved more when lengths vary

Name = Literal["train step", "evaluation step", "load"]


@dataclass(frozen=True)
class Phase:
    """The fullest moment of a phase in GiB.

    `parts`: keys from PARTS in that order, parts that are zero left out; their sum is `device`,
    what the driver shows: `reserved` + context. "quantization" is scales and dequantised scratch,
    "checkpoints" what all blocks keep, "block" one block's own tensors and scratch, "overhead"
    slack of the allocator and cuBLAS. `allocated`, `reserved`: torch's counters. `needed`: the
    fit test, `device` without the idle cache.
    """

    name: Name
    peak_at: str
    parts: dict[str, float]
    allocated: float
    reserved: float
    needed: float
    device: float


class Lasting(NamedTuple):
    """Bytes that stay for the whole run on one card, beside gradients."""

    states: States
    sharding: float
    context: float


def phases(shape: Shape, job: Job) -> tuple[Phase, Phase, Phase]:
    """Train step, evaluation step and load. Without evaluation (`eval_batch` 0) the second holds
    the states alone."""
    job = settled(shape, job)
    lasting = lasting_bytes(shape, job)
    train = max(moments(shape, job, lasting.states.gradients), key=Moment.total)
    loading = load_moment(shape, job)
    bare = Lasting(_loaded(lasting.states), 0.0, lasting.context)
    return (
        _phase("train step", shape, job, lasting, train, idle_bytes(shape, job)),
        _phase("evaluation step", shape, job, lasting, evaluation_moment(shape, job), 0.0),
        _phase("load", shape, job, bare, loading, 0.0),
    )


def lasting_bytes(shape: Shape, job: Job) -> Lasting:
    """States after sharding, what working together costs, and the context."""
    whole = States(
        weights=weight_bytes(shape, job),
        reference=reference_bytes(shape, job),
        adapter=adapter_bytes(shape, job),
        optimizer=optimizer_bytes(shape, job),
        gradients=gradient_bytes(shape, job),
    )
    states = sharded(whole, job)
    sharding = gathered_bytes(shape, job) + bucket_bytes(shape, job)
    sharding += replica_bytes(states.gradients, job)
    if job.zero_stage >= 3:
        held = states.weights + states.reference + states.adapter + states.optimizer
        sharding += SHARDED_MARGIN * (held + sharding)
    context = (CUDA_CONTEXT if job.device == "gpu" else 0) + communication_bytes(job)
    return Lasting(states, sharding, context)


def _loaded(states: States) -> States:
    """What stands on the card when the last weight arrives: neither adapter nor optimizer yet."""
    return states._replace(adapter=0.0, optimizer=0.0, gradients=0.0)


def slack_bytes(dynamic: float) -> float:
    """What the allocator cannot give back, and the workspace of cuBLAS."""
    return SLACK_SHARE * dynamic + SLACK


def idle_bytes(shape: Shape, job: Job) -> float:
    """Reserved but idle blocks, given back under pressure: 1.2 to 8.5 V T were seen, and 1.3 to
    2.0 times the loss term more when rows are not packed, so that lengths vary. Outputs that the
    loop holds are the very blocks that idle otherwise: none then."""
    if not logits_made(job) or job.loss == "held":
        return 0
    constant = IDLE_PER_LOGIT * shape.vocab * job.tokens
    if job.packing or not job.padding:
        return constant
    return constant / 2 + VARIABLE_LENGTHS * loss_bytes(shape, job)


def _phase(
    name: Name, shape: Shape, job: Job, lasting: Lasting, moment: Moment, idle: float
) -> Phase:
    states, dynamic = lasting.states, moment.total()
    scales = scale_bytes(shape, job) / (job.gpus if job.zero_stage >= 3 else 1)
    sizes = (
        states.weights - scales + moment.weights,
        scales + moment.quantization,
        states.reference,
        states.adapter,
        moment.gradients,
        states.optimizer + moment.optimizer,
        moment.checkpoints,
        moment.block,
        moment.loss,
        lasting.sharding,
        slack_bytes(dynamic),
        idle,
        lasting.context,
    )
    allocated = sum(sizes[:10])
    needed = allocated + sizes[10] + lasting.context
    return Phase(
        name=name,
        peak_at=moment.name,
        parts={part: size / GIB for part, size in zip(PARTS, sizes, strict=True) if size},
        allocated=allocated / GIB,
        reserved=(allocated + sizes[10] + idle) / GIB,
        needed=needed / GIB,
        device=(needed + idle) / GIB,
    )
