"""What the forward pass keeps for the backward pass: bytes per token of one decoder block.

Source of every term, unless it says otherwise: section 4 of the memory notes (docs/memory.md),
read off the tensors that autograd saves in transformers 5 decoder blocks with SDPA or
FlashAttention. H hidden, Hq and Hk the widths of queries and keys, I the MLP width.
"""

from __future__ import annotations

from ftc.memory.job import Job
from ftc.memory.modules import key_width, query_width, targeted
from ftc.memory.shape import Shape


def norms_saved(shape: Shape, job: Job) -> int:
    """4 H per norm (its input in fp32), 2 H where norms stay in bf16 (LayerNorm); trained norms
    keep the normalised tensor too. A q/k norm does the same over Hq + Hk."""
    input_width = 4 if shape.norm_fp32 else job.stream_width
    width = input_width + (job.stream_width if job.full else 0)
    saved = shape.norms * width * shape.hidden
    if shape.qk_norm:
        heads = query_width(shape) + key_width(shape)
        saved += (4 + (job.matmul_width if job.full else 0)) * heads
    return saved


def plain_attention(shape: Shape, job: Job) -> bool:
    """Whether SDPA falls back to its plain kernel: fp32 queries, which FlashAttention does not
    take, with fewer key-value heads and no mask, which the memory-efficient kernel does not take.
    Source: transformers 5.6 sdpa_attention.py, `use_gqa_in_sdpa`; torch sdp_utils.cpp."""
    grouped = shape.kv_heads < shape.heads and not job.padding
    return job.attention == "sdpa" and grouped and job.matmul_width == 4 and job.device == "gpu"


def attention_saved(shape: Shape, job: Job) -> int:
    """q, k, v, output and the fp32 log-sum-exp per head. SDPA with a mask repeats keys and values
    to all heads; eager keeps the fp32 softmax and its bf16 copy, 6 heads x length per token;
    SDPA's plain kernel keeps q, repeated k and v, the output and the softmax (traced on a CPU)."""
    queries, keys = query_width(shape), key_width(shape)
    if plain_attention(shape, job):
        return 4 * 4 * queries + 4 * shape.heads * job.max_length
    saved = job.matmul_width * (2 * queries + 2 * keys) + 4 * shape.heads
    if job.attention == "sdpa" and job.padding:
        saved += 2 * job.matmul_width * (queries - keys)
    if job.attention == "eager":
        saved += (4 + job.matmul_width) * shape.heads * job.max_length
    return saved


def mask_bytes(job: Job) -> int:
    """An attention mask of rows x length x length in 2 B, once for the whole model."""
    masked = job.attention == "eager" or (job.attention == "sdpa" and job.padding)
    rows = job.tokens // job.max_length
    return 2 * rows * job.max_length**2 if masked else 0


def mlp_width(shape: Shape) -> int:
    """I that one token passes through: its experts and the shared one, or the dense width."""
    if not shape.experts:
        return shape.intermediate
    return shape.experts_per_token * shape.expert_intermediate + shape.shared_intermediate


def mlp_saved(shape: Shape, job: Job) -> int:
    """Gated: gate, up and activation (and their product when trained); plain: the pre-activation
    (and the activation). A mixture adds the routed copies of the input and 6 B per expert."""
    tensors = (3 if shape.mlp == "gated" else 1) + (1 if job.full else 0)
    saved = tensors * job.stream_width * mlp_width(shape)
    if shape.experts:
        copies = 2 if job.full or job.expert_adapters else 1
        saved += copies * job.stream_width * shape.experts_per_token * shape.hidden
        saved += 6 * shape.experts
    return saved


def inputs_saved(shape: Shape, job: Job) -> int:
    """Inputs of the trained linear layers: 4 H in full fine-tuning (q/k/v share one, gate/up
    share one; o and down reuse what is saved already), else those of the adapters."""
    if job.full:
        return 2 * job.stream_width * shape.hidden
    return adapter_inputs_saved(shape, job) + 4 * job.rank * len(targeted(shape, job.targets))


def adapter_inputs_saved(shape: Shape, job: Job) -> int:
    """How often an adapter's input is saved depends on who casts it.

    Dropout: a private copy and a bool mask per target. A quantised base under autocast shares
    inputs; peft's plain layer casts to the adapter's type, a private copy per target.
    """
    chosen = targeted(shape, job.targets)
    widths = [linear.inputs for linear in chosen]
    private = 2 if job.mixed or job.adapter_dtype == "bf16" else 4
    if job.dropout > 0:
        return (private + 1) * sum(widths)
    if job.base_bits and job.mixed:
        return _kbit_inputs(shape, job)
    if job.stream_width == 4:
        return _shared_inputs(shape, job, 4)
    if job.mixed or job.adapter_dtype == "fp32":
        return private * sum(widths)
    return _shared_inputs(shape, job, 2)


def _kbit_inputs(shape: Shape, job: Job) -> int:
    """bnb layers leave x alone under autocast: bf16 inputs are shared, fp32 ones cast each."""
    if job.stream_width == 2:
        return _shared_inputs(shape, job, 2)
    chosen = targeted(shape, job.targets)
    return 2 * sum(linear.inputs for linear in chosen if "o" not in linear.roles)


def _shared_inputs(shape: Shape, job: Job, width: int) -> int:
    chosen = targeted(shape, job.targets)
    roles = {role for linear in chosen for role in linear.roles}
    saved = shape.hidden * (bool(roles & {"q", "k", "v"}) + bool(roles & {"gate", "up"}))
    saved += sum(linear.inputs for linear in chosen if "down" in linear.roles)
    return width * saved


def dora_saved(shape: Shape, job: Job) -> int:
    """DoRA keeps the base result and the adapter result of every target, 4 B each.
    Source: peft 0.21 tuners/lora/dora.py. Derived, unmeasured."""
    if job.full or not job.dora:
        return 0
    return 8 * sum(linear.outputs for linear in targeted(shape, job.targets))


def block_saved(shape: Shape, job: Job) -> int:
    """A: everything one block saves, bytes per token, without checkpointing."""
    return (
        norms_saved(shape, job)
        + attention_saved(shape, job)
        + inputs_saved(shape, job)
        + mlp_saved(shape, job)
        + dora_saved(shape, job)
    )


def block_scratch(shape: Shape, job: Job) -> int:
    """Gradients in flight at the widest point of a block's backward (its MLP), bytes per token.

    Full 2 H + 6 I; quantised base 2 H + 2 I; LoRA 2 H + 8 I when `down` is a target whose input
    was cast to fp32, else 2 H + 4 I. Fitted on the storage trace of the memory notes.
    """
    width = mlp_width(shape)
    scratch = job.stream_width * shape.hidden
    if job.full:
        scratch += 3 * job.stream_width * width
    elif job.base_bits:
        scratch += job.stream_width * width
    else:
        roles = {role for linear in targeted(shape, job.targets) for role in linear.roles}
        cast = "down" in roles and (job.mixed or job.adapter_dtype == "fp32")
        scratch += (8 if cast else 4) * width
    if job.attention == "eager":
        scratch += 2 * shape.heads * job.max_length
    elif plain_attention(shape, job):
        scratch += 4 * shape.heads * job.max_length
    return scratch


def kept_bytes(shape: Shape, job: Job) -> int:
    """What all blocks keep until backward: their inputs with checkpointing, else everything."""
    if job.gradient_checkpointing:
        return job.stream_width * shape.hidden * shape.layers * job.tokens
    return shape.layers * block_saved(shape, job) * job.tokens


def kept_below_bytes(shape: Shape, job: Job) -> int:
    """What the blocks keep while the last one runs backward, that one's own tensors left out."""
    if job.gradient_checkpointing:
        return kept_bytes(shape, job)
    return (shape.layers - 1) * block_saved(shape, job) * job.tokens
