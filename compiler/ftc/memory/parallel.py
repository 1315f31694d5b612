"""Several cards: what ZeRO shards, and what working together costs. The weakest part.

Source: DeepSpeed's ZeRO documentation and section 4 of the memory notes (docs/memory.md). Only
ZeRO-3 and FSDP runs were ever compared (measured.csv); stages 1 and 2 are
unmeasured.
"""

from __future__ import annotations

from typing import NamedTuple

from ftc.memory.job import GIB, Job
from ftc.memory.modules import block_linear_parameters, embedding_parameters
from ftc.memory.shape import Shape

COMMUNICATION = 0.5 * GIB  # NCCL buffers; nobody's measurement, a round number
REDUCE_BUCKET = 500_000_000  # reduce_bucket_size of stages 1 and 2, in templates/deepspeed
SUB_GROUP = 1_000_000_000  # sub_group_size of stage 3, in templates/deepspeed
SHARDED_MARGIN = 0.05  # of what ZeRO-3 holds; chosen after seeing the 13 rows


class States(NamedTuple):
    """Bytes of the run-long states on one card, and of the gradients."""

    weights: float
    reference: float
    adapter: float
    optimizer: float
    gradients: float


def sharded(states: States, job: Job) -> States:
    """Stage 1 shards the optimizer, 2 gradients too, 3 weights too (reference included).

    Offloaded optimizer state costs the card nothing; only DeepSpeed can offload it.
    """
    cards, stage = job.gpus, job.zero_stage
    optimizer = 0 if stage and job.offload_optimizer else states.optimizer
    return States(
        weights=states.weights / (cards if stage >= 3 else 1),
        reference=states.reference / (cards if stage >= 3 else 1),
        adapter=states.adapter / (cards if stage >= 3 else 1),
        optimizer=optimizer / (cards if stage >= 1 else 1),
        gradients=states.gradients / (cards if stage >= 2 else 1),
    )


def gathered_bytes(shape: Shape, job: Job) -> float:
    """ZeRO-3 gathers two blocks and the embeddings and head on every card while it uses them.

    With one card nothing is gathered, the weights are there.
    """
    if job.zero_stage < 3 or job.gpus == 1:
        return 0
    width = job.base_bits / 8 if job.base_bits else job.base_width
    blocks = 2 * block_linear_parameters(shape) * width
    return blocks + embedding_parameters(shape) * job.base_width


def bucket_bytes(shape: Shape, job: Job) -> float:
    """DeepSpeed's buffers for gradients on their way: two with overlap_comm, one under ZeRO-3.

    They are as large as configured, however few weights are trained: templates/deepspeed sets
    5e8 elements for stages 1 and 2, and "auto", which transformers makes hidden x hidden, for 3.
    Source: deepspeed runtime/zero/stage_1_and_2.py, `backward`; stage3.py. Unmeasured.
    """
    if not job.zero_stage:
        return 0
    configured = shape.hidden**2 if job.zero_stage == 3 else REDUCE_BUCKET
    elements = configured if job.reduce_bucket is None else job.reduce_bucket
    return (1 if job.zero_stage == 3 else 2) * elements * job.trained_width


def step_copy_bytes(trainable: int, job: Job) -> float:
    """The card's share of the gradients in fp32, made for the optimizer step; stage 3 makes it
    for one group of 1e9 weights at a time (`sub_group_size`).
    Source: deepspeed runtime/zero/stage_1_and_2.py, stage3.py, `step`."""
    if not job.zero_stage or job.offload_optimizer:
        return 0
    share = trainable / job.gpus
    return 4 * (min(share, SUB_GROUP) if job.zero_stage == 3 else share)


def replica_bytes(gradients: float, job: Job) -> float:
    """DistributedDataParallel copies gradients into buckets of the same size
    (torch docs, gradient_as_bucket_view=False, the default of accelerate). Unmeasured."""
    return gradients if job.gpus > 1 and not job.zero_stage else 0


def communication_bytes(job: Job) -> float:
    """Buffers of the communication library, outside of torch's counters."""
    return COMMUNICATION if job.gpus > 1 and job.device == "gpu" else 0
