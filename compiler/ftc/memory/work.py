"""What one training step does: floating point operations, bytes moved, passes over the weights.

A product of a matrix of n weights with one token is 2 n operations. Causal attention over a row
of S tokens is counted at half of S keys a token. All figures are of one card and one token unless
they say otherwise.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from ftc.memory.job import Job
from ftc.memory.modules import key_width, linears, query_width, targeted
from ftc.memory.shape import Shape
from ftc.memory.weights import adapter_parameters, saved_module_parameters

ROUTED = ("gate", "up", "down")
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
    dense, mixed = shape.dense_layers, shape.layers - shape.dense_layers
    block = linears(shape)
    attention = sum(it.size for it in block if not set(it.roles) & {*ROUTED, "shared_gate"})
    routed = sum(it.size * shape.experts_per_token for it in block if it.expert)
    active = routed + sum(it.size * it.copies for it in block if not it.expert)
    stored = sum(it.size * it.copies for it in block)
    width = (3 if shape.mlp == "gated" else 2) * shape.hidden * shape.intermediate
    plain = attention + width if shape.experts else active
    mlp = shape.experts_per_token * shape.expert_intermediate + shape.shared_intermediate
    mlp = mlp if shape.experts else shape.intermediate
    values = shape.heads * (shape.v_head_dim or shape.head_dim)
    keys = key_width(shape)
    return Sizes(
        active=mixed * active + dense * plain,
        routed=mixed * routed,
        stored=mixed * stored + dense * plain,
        head=shape.vocab * shape.hidden,
        attention=(shape.layers - shape.sliding_layers) * (query_width(shape) + values),
        sliding=shape.sliding_layers * (query_width(shape) + values),
        norms=shape.layers
        * (shape.norms * shape.hidden + (query_width(shape) + keys if shape.qk_norm else 0)),
        rotated=shape.layers * (query_width(shape) + keys),
        mlp=mixed * mlp + dense * shape.intermediate,
    )


@lru_cache(maxsize=1024)
def adapter(shape: Shape, job: Job) -> tuple[int, int, int, int]:
    """Adapter weights that a token meets, inputs and outputs of the targets, their count."""
    if job.full:
        return 0, 0, 0, 0
    chosen = targeted(shape, job.targets, job.expert_adapters)
    times = [shape.experts_per_token if it.expert else it.copies for it in chosen]
    inputs = shape.layers * sum(it.inputs * n for it, n in zip(chosen, times, strict=True))
    outputs = shape.layers * sum(it.outputs * n for it, n in zip(chosen, times, strict=True))
    return job.rank * (inputs + outputs), inputs, outputs, len(chosen)


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


def work(shape: Shape, job: Job, length: float) -> Work:
    """What training on one token of a row of `length` tokens takes."""
    size = sizes(shape)
    adapters, *_ = adapter(shape, job)
    attention = attention_flops(shape, job, length)
    blocks = 2 * size.active + attention + 2 * adapters
    head = 2 * size.head
    forward = blocks + head
    if job.full:
        backward = 2 * forward
    else:
        saved = 2 * saved_module_parameters(shape, job)
        backward = 2 * size.active + 2 * attention + 4 * adapters + head + saved
    again = blocks if job.gradient_checkpointing else 0.0
    extra = EXTRA_FORWARDS[job.stage] * forward
    return Work(forward, again, backward, extra, moved_bytes(shape, job))


def attention_flops(shape: Shape, job: Job, length: float) -> float:
    """2 x keys x (query and value elements); half of the row is seen on average, all of it by
    kernels that are given a mask. A sliding window bounds it."""
    size = sizes(shape)
    masked = job.attention == "eager" or (job.attention == "sdpa" and job.padding)
    keys = length if masked else length / 2
    window = min(keys, float(shape.sliding_window)) if shape.sliding_window else keys
    return 2 * (size.attention * keys + size.sliding * (keys if masked else window))


def moved_bytes(shape: Shape, job: Job) -> float:
    """Bytes of norms, rotation, activation, residuals, adapters' casts and the loss."""
    size = sizes(shape)
    _, inputs, outputs, _ = adapter(shape, job)
    norm, rope, act = (
        (LIGER_NORM, LIGER_ROPE, LIGER_ACTIVATION) if job.liger else (NORM, ROPE, ACTIVATION)
    )
    wide = job.stream_width / 2
    forward: float = norm * size.norms + rope * size.rotated + act * size.mlp
    forward += 2 * RESIDUAL * shape.hidden * shape.layers
    forward *= wide
    forward += (ADAPTER_IN + (DROPOUT if job.dropout else 0)) * inputs + ADAPTER_OUT * outputs
    logit = FUSED_LOGIT if job.loss == "fused" and not job.preference else LOGIT
    logit += CAPPED_LOGIT if shape.softcap else 0
    times = 1 + BACKWARD + (1 if job.gradient_checkpointing else 0)
    extra = EXTRA_FORWARDS[job.stage]
    return (times + extra) * forward + (1 + extra / 2) * logit * shape.vocab


def passes(job: Job) -> int:
    """How often the weights are read in one micro-step: forward, again, backward, extra."""
    return 2 + (1 if job.gradient_checkpointing else 0) + EXTRA_FORWARDS[job.stage]


@lru_cache(maxsize=1024)
def trained(shape: Shape, job: Job) -> int:
    """Weights that the optimizer updates."""
    if job.full:
        return sizes(shape).stored + sizes(shape).head * (1 if shape.tied else 2)
    return adapter_parameters(shape, job) + saved_module_parameters(shape, job)
