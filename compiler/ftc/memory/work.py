"""What one training step does: floating point operations, bytes moved, passes over the weights.

A product of a matrix of n weights with one token is 2 n operations. Causal attention over a row
of S tokens is counted at half of S keys a token. All figures are of one card and one token unless
they say otherwise.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from ftc.memory.job import Job
from ftc.memory.modules import (
    Linear,
    key_width,
    linear_parameters,
    linears,
    lora_parameters,
    query_width,
    targeted,
)
from ftc.memory.shape import Shape
from ftc.memory.weights import saved_module_parameters

# Passes without gradient beside the policy's: the reference model, and for kto the KL rows of
# policy and reference (LLaMA-Factory 0.9.5 train/kto/trainer.py, TRL 1.14 kto_trainer.py).
EXTRA_FORWARDS = {"sft": 0, "pretrain": 0, "orpo": 0, "dpo": 1, "kto": 3}
# Bytes that kernels without products read and write for one element, counted from the code of
# transformers 5 (LlamaRMSNorm, apply_rotary_pos_emb, LlamaMLP) and of Liger's fused kernels.
NORM, LIGER_NORM = 36, 4
ROPE, LIGER_ROPE = 20, 4
ACTIVATION, LIGER_ACTIVATION = 10, 6
RESIDUAL = 6
ADAPTER_IN, ADAPTER_OUT = 14, 12  # peft casts x to the adapter's type, autocast casts it back
DROPOUT = 9
SCORE = 20  # of eager attention: product, mask, fp32 softmax and its cast
LOGIT, FUSED_LOGIT, CAPPED_LOGIT = 34, 10, 24  # forward and backward together
BACKWARD = 2  # backward moves about twice what forward moves


class Sizes(NamedTuple):
    """Weights that a token meets in all blocks (`active`), of which `routed` in experts; weights
    that are there (`stored`); the head's; elements of queries, keys and values of all blocks."""

    active: int
    routed: int
    stored: int
    head: int
    attention: int
    sliding: int
    norms: int
    rotated: int
    mlp: int


@lru_cache(maxsize=512)
def sizes(shape: Shape) -> Sizes:
    """The sizes of a model that its speed follows from."""
    dense = shape.dense_layers if shape.experts else 0
    mixed = shape.layers - dense
    block = linears(shape)
    met = mixed * sum(it.size * _times(shape, it) for it in block)
    met += dense * sum(it.size for it in linears(shape, dense=True))
    width = shape.experts_per_token * shape.expert_intermediate + shape.shared_intermediate
    queries, keys = query_width(shape), key_width(shape)
    pair = queries + shape.heads * (shape.v_head_dim or shape.head_dim)
    norms = shape.norms * shape.hidden + (queries + keys if shape.qk_norm else 0)
    return Sizes(
        active=met,
        routed=mixed * sum(it.size * _times(shape, it) for it in block if it.expert),
        stored=linear_parameters(shape),
        head=shape.vocab * shape.hidden,
        attention=(shape.layers - shape.sliding_layers) * pair,
        sliding=shape.sliding_layers * pair,
        norms=shape.layers * norms,
        rotated=shape.layers * (queries + keys),
        mlp=mixed * (width if shape.experts else shape.intermediate) + dense * shape.intermediate,
    )


def _times(shape: Shape, linear: Linear) -> int:
    """How many copies of a layer a token passes through."""
    return shape.experts_per_token if linear.expert else linear.copies


class Adapters(NamedTuple):
    """What a token meets in adapters, over all blocks: weights, inputs and outputs of their
    targets. `targets`: how many a block has. `trained`: weights that are there, experts' too."""

    weights: int
    inputs: int
    outputs: int
    targets: int
    trained: int


class Model(NamedTuple):
    """A job on a model, with the sizes that its speed follows from."""

    shape: Shape
    job: Job
    size: Sizes
    added: Adapters


def model(shape: Shape, job: Job) -> Model:
    """Looks the sizes up once: hashing a shape costs more than the rest of an estimate."""
    if job.full:
        return Model(shape, job, sizes(shape), Adapters(0, 0, 0, 0, 0))
    size, per_rank, outputs_there = _sizes(shape, job.targets, job.expert_adapters)
    return Model(
        shape,
        job,
        size,
        per_rank._replace(
            weights=job.rank * per_rank.weights,
            trained=job.rank * per_rank.trained + (outputs_there if job.dora else 0),
        ),
    )


@lru_cache(maxsize=512)
def _sizes(shape: Shape, targets: tuple[str, ...], experts: bool) -> tuple[Sizes, Adapters, int]:
    """Sizes, the adapters of rank 1, and the outputs of all targets."""
    dense = shape.dense_layers if shape.experts else 0
    mixed = [(it, shape.layers - dense) for it in targeted(shape, targets, experts)]
    plain = [(it, dense) for it in targeted(shape, targets, experts, dense=True) if dense]
    inputs = sum(it.inputs * _times(shape, it) * blocks for it, blocks in mixed + plain)
    outputs = sum(it.outputs * _times(shape, it) * blocks for it, blocks in mixed + plain)
    there = sum(it.outputs * it.copies * blocks for it, blocks in mixed + plain)
    trained = lora_parameters(shape, 1, targets, experts)
    added = Adapters(inputs + outputs, inputs, outputs, len(mixed), trained)
    return sizes(shape), added, there


class Work(NamedTuple):
    """Of a token: operations of each pass over the model, and bytes of kernels without products.

    `forward` with the head, `again` is the recomputation of the blocks, `backward` both
    gradients, `extra` passes without gradient.
    """

    forward: float
    again: float
    backward: float
    extra: float
    bytes: float

    @property
    def flops(self) -> float:
        """All operations."""
        return self.forward + self.again + self.backward + self.extra


def work(of: Model, length: float) -> Work:
    """What training on one token of a row of `length` tokens takes."""
    size, added = of.size, 2 * of.added.weights
    attention = attention_flops(of, length)
    blocks = 2 * size.active + attention + added
    head = 2 * size.head
    forward = blocks + head
    if of.job.full:
        backward = 2 * forward
    else:
        saved = 2 * saved_module_parameters(of.shape, of.job)
        backward = 2 * size.active + 2 * attention + 2 * added + head + saved
    again = blocks if of.job.gradient_checkpointing else 0.0
    extra = EXTRA_FORWARDS[of.job.stage] * forward
    return Work(forward, again, backward, extra, moved_bytes(of, length))


def attention_flops(of: Model, length: float) -> float:
    """2 x keys x (query and value elements); half of the row is seen on average, all of it by
    kernels that are given a mask. A sliding window bounds it."""
    shape, job, size = of.shape, of.job, of.size
    masked = job.attention == "eager" or (job.attention == "sdpa" and job.padding)
    keys = length if masked else length / 2
    window = min(keys, float(shape.sliding_window)) if shape.sliding_window else keys
    return 2 * (size.attention * keys + size.sliding * (keys if masked else window))


def moved_bytes(of: Model, length: float) -> float:
    """Bytes of norms, rotation, activation, residuals, adapters' casts, the loss, and of the
    scores that eager attention writes out."""
    shape, job, size = of.shape, of.job, of.size
    norm, rope, act = (
        (LIGER_NORM, LIGER_ROPE, LIGER_ACTIVATION) if job.liger else (NORM, ROPE, ACTIVATION)
    )
    forward: float = norm * size.norms + rope * size.rotated + act * size.mlp
    forward += 2 * RESIDUAL * shape.hidden * shape.layers
    if job.attention == "eager":
        forward += SCORE * shape.heads * length * shape.layers
    forward *= job.stream_width / 2
    cast = ADAPTER_IN + (DROPOUT if job.dropout else 0)
    forward += cast * of.added.inputs + ADAPTER_OUT * of.added.outputs
    logit = FUSED_LOGIT if job.loss == "fused" and not job.preference else LOGIT
    logit += CAPPED_LOGIT if shape.softcap else 0
    extra = EXTRA_FORWARDS[job.stage]
    times = 1 + BACKWARD + (1 if job.gradient_checkpointing else 0) + extra
    return times * forward + (1 + extra / 2) * logit * shape.vocab


def passes(job: Job) -> int:
    """How often the weights are read in one micro-step: forward, again, backward, extra."""
    return 2 + (1 if job.gradient_checkpointing else 0) + EXTRA_FORWARDS[job.stage]


def trained(of: Model) -> int:
    """Weights that the optimizer updates."""
    if of.job.full:
        return of.size.stored + of.size.head * (1 if of.shape.tied else 2)
    return of.added.trained + saved_module_parameters(of.shape, of.job)
