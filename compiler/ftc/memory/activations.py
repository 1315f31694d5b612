"""What the forward pass keeps for the backward pass: bytes per token of one decoder block.

Source of every term, unless it says otherwise: the tensors that autograd saves in the blocks of
transformers 5.6 and 5.20 with peft 0.18 and 0.21, as tests/oracle shows them (docs/memory.md).
H hidden, Hq and Hk the widths of queries and keys, I the MLP width, k the experts of a token.
"""

from __future__ import annotations

from dataclasses import replace

from ftc.memory.inputs import chosen_layers, fused_lora, inputs_saved
from ftc.memory.job import EMBEDDINGS, Job
from ftc.memory.modules import key_width, query_width, value_width
from ftc.memory.shape import Shape
from ftc.memory.widths import ACTIVATIONS, KERNEL, POST_NORM, WIDE_NORMS, mlp_width


def norm_saved(shape: Shape, job: Job) -> int:
    """4 H (a norm's input in fp32; LayerNorm without autocast: in its own width); a trained norm
    keeps the normalised tensor too, in fp32 where it multiplies first. Liger's norm keeps its
    input as it is."""
    if job.liger and shape.norm_fp32:
        return job.stream_width * shape.hidden
    saved = 4 if shape.norm_fp32 or job.mixed else job.stream_width
    if job.full and shape.norm_fp32:
        saved += max(_multiplied(shape), job.stream_width)
    return saved * shape.hidden


def norms_saved(shape: Shape, job: Job) -> int:
    """All norms of a block; a q/k norm does the same over Hq + Hk. Where a norm keeps its input as
    it is (Liger's, or an fp32 stream), the first keeps what checkpointing keeps."""
    as_it_is = job.liger or job.stream_width == 4
    shared = as_it_is and job.gradient_checkpointing and shape.model_type not in POST_NORM
    saved = (shape.norms - shared) * norm_saved(shape, job)
    if not shape.qk_norm:
        return saved
    width = job.matmul_width if job.liger else 4
    if job.full and not job.liger:
        width += max(_multiplied(shape), job.matmul_width)
    return saved + width * (query_width(shape) + key_width(shape))


def _multiplied(shape: Shape) -> int:
    return 4 if shape.model_type in WIDE_NORMS else 0


def plain_attention(shape: Shape, job: Job) -> bool:
    """Whether SDPA falls back to its plain kernel: fp32 queries, which FlashAttention does not
    take, with fewer key-value heads and no mask, which the memory-efficient kernel does not take.
    Source: transformers 5.6 sdpa_attention.py, `use_gqa_in_sdpa`; torch sdp_utils.cpp."""
    grouped = shape.kv_heads < shape.heads and not job.padding
    return job.attention == "sdpa" and grouped and job.matmul_width == 4 and job.device == "gpu"


def attention_saved(shape: Shape, job: Job) -> int:
    """q, k, v, output and the fp32 log-sum-exp per head; where one layer makes q, k and v, the
    view of v keeps all three. SDPA with a mask repeats keys and values to all heads; eager keeps
    the fp32 softmax and its bf16 copy, 6 heads x length per token; SDPA's plain kernel keeps q,
    repeated k and v, the output and the softmax (traced on a CPU)."""
    queries, keys, values = query_width(shape), key_width(shape), value_width(shape)
    if plain_attention(shape, job):
        return 4 * 4 * queries + 4 * shape.heads * job.max_length
    made = shape.heads * (shape.v_head_dim or shape.head_dim)
    saved = job.matmul_width * (queries + keys + values + made) + 4 * shape.heads
    if "qkv_proj" in shape.modules:
        saved += job.matmul_width * (queries + keys)
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


def mlp_saved(shape: Shape, job: Job) -> int:
    """Gated: gate, up and activation; plain: what the activation saves; and the input of `down`
    when it is trained. Liger's gated kernel and Axolotl's make the activation anew. A mixture adds
    the experts' results, their inputs when trained, and 6 B per expert."""
    width = mlp_width(shape)
    saved = activation_saved(shape, job) * width
    if shape.mlp == "gated":
        remade = (job.liger and not shape.experts) or fused_lora(shape, job)
        saved += (1 if remade else 2) * job.inner_width * width
    if job.full:
        saved += (2 if job.mixed else job.inner_width) * width
    return saved + (experts_saved(shape, job) if shape.experts else 0)


def activation_saved(shape: Shape, job: Job) -> int:
    """Bytes per element of the MLP that the activation function saves."""
    found = ACTIVATIONS.get(shape.activation, KERNEL)
    wide = 4 if job.mixed else job.inner_width
    tensors = found.wide + (found.trained if job.full else 0)
    if shape.activation == "relu2" and wide == job.inner_width:
        tensors = 0  # no cast: `pow` saves the very tensor that `relu` does
    return found.own * job.inner_width + tensors * wide + found.masks


def experts_saved(shape: Shape, job: Job) -> int:
    """Beside gate, up and activation: the result of every expert of a token, 2 H; its input when
    it is trained. gpt-oss clamps gate and up and multiplies twice (`_apply_gate`): 6 I more.
    Source: transformers integrations/moe.py, `grouped_mm_experts_forward`."""
    copies = 2 if job.full or job.expert_adapters else 1
    saved = copies * job.inner_width * shape.experts_per_token * shape.hidden
    if shape.model_type == "gpt_oss":
        saved += 3 * job.inner_width * mlp_width(shape)
    return saved + 6 * shape.experts


def dora_saved(shape: Shape, job: Job) -> int:
    """DoRA keeps the base result and the adapter result of every target, 2 B each.
    Source: peft 0.18 tuners/lora/dora.py, `DoraLinearLayer.forward`."""
    if job.full or not job.dora:
        return 0
    return 2 * job.matmul_width * sum(linear.outputs for linear in chosen_layers(shape, job))


def block_saved(shape: Shape, job: Job) -> int:
    """A: everything one block saves, bytes per token, without checkpointing."""
    return (
        norms_saved(shape, job)
        + attention_saved(shape, job)
        + inputs_saved(shape, job)
        + mlp_saved(shape, job)
        + dora_saved(shape, job)
        + shape.dropped * shape.hidden  # bool masks
    )


def kept_bytes(shape: Shape, job: Job) -> int:
    """What all blocks keep until backward: their inputs with checkpointing, else everything."""
    if job.gradient_checkpointing:
        first = 2 if job.widened else 0  # the embedding's result is still in 16 bit
        return (job.stream_width * shape.layers - first) * shape.hidden * job.tokens
    return shape.layers * block_saved(shape, job) * job.tokens - _first_block(shape, job)


def kept_below_bytes(shape: Shape, job: Job) -> int:
    """What the blocks keep while the last one runs backward, that one's own tensors left out."""
    if job.gradient_checkpointing:
        return kept_bytes(shape, job)
    return (shape.layers - 1) * block_saved(shape, job) * job.tokens - _first_block(shape, job)


def _first_block(shape: Shape, job: Job) -> int:
    """What the first block of all saves less without checkpointing: its norm where no gradient
    goes below it (the embedding is frozen; OLMo 2 and 3 have norms behind their layers only), its
    attention too where that has no adapter; its stream is still 16 bit where an activation widens
    it."""
    if job.full or not EMBEDDINGS.isdisjoint(job.saved_names):
        return 0
    saved = 0 if shape.model_type in POST_NORM else norm_saved(shape, job)
    roles = {role for linear in chosen_layers(shape, job) for role in linear.roles}
    if not roles & {"q", "k", "v", "o"}:
        saved += attention_saved(shape, job)
    if job.widened and shape.norm_fp32:
        saved += block_saved(shape, job) - block_saved(shape, replace(job, widened=False))
    return saved * job.tokens
