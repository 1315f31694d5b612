"""What the forward pass keeps for the backward pass: bytes per token of one decoder block.

Source of every term, unless it says otherwise: the tensors that autograd saves in the blocks of
transformers 5.6 and 5.20 with peft 0.18 and 0.21, as tests/oracle shows them (docs/memory.md).
H hidden, Hq and Hk the widths of queries and keys, I the MLP width, k the experts of a token.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from ftc.memory.job import EMBEDDINGS, Job
from ftc.memory.modules import Linear, key_width, query_width, targeted, value_width
from ftc.memory.shape import Shape

# RMSNorms that multiply by their weight before they cast back: what a trained weight saves is fp32.
WIDE_NORMS = ("gemma", "gemma2", "gemma3", "gemma3_text", "gpt_oss", "olmo2", "olmo3")
POST_NORM = ("olmo2", "olmo3")  # norms behind attention and MLP only


class Saved(NamedTuple):
    """What an activation function saves, per element: tensors as wide as the stream, tensors that
    CUDA's autocast makes fp32 (and more of them where its parameters are trained), and bytes of
    masks."""

    own: int
    wide: int = 0
    masks: int = 0
    trained: int = 0


# transformers 5 activations.py: written out in Python, so that every step saves its own; relu2
# squares by `pow`, which autocast runs in fp32. All others are one kernel that saves its input.
ACTIVATIONS = {
    "relu2": Saved(1, wide=1),
    "gelu_new": Saved(1, wide=3),
    "xielu": Saved(1, wide=2, masks=1, trained=1),
}
KERNEL = Saved(1)


def wide_activation(shape: Shape, job: Job) -> bool:
    """Whether autocast makes the activation's result fp32."""
    return job.mixed and ACTIVATIONS.get(shape.activation, KERNEL).wide > 0


def wide_norm(shape: Shape, job: Job) -> bool:
    """Whether linear layers get fp32 inputs under autocast: LayerNorm runs in fp32 there, and
    trained fp32 norm weights make RMSNorm's result fp32."""
    return job.mixed and (not shape.norm_fp32 or job.stream_width == 4)


def settled(shape: Shape, job: Job) -> Job:
    """The job with `widened` set where the shape makes the stream of a quantised base fp32."""
    if not (job.base_bits and job.mixed) or job.widened:
        return job
    wide = not shape.norm_fp32 or wide_activation(shape, job)
    return replace(job, widened=True) if wide else job


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


def mlp_width(shape: Shape) -> int:
    """I that one token passes through: its experts and the shared one, or the dense width."""
    if not shape.experts:
        return shape.intermediate
    return shape.experts_per_token * shape.expert_intermediate + shape.shared_intermediate


SEVEN = {"q", "k", "v", "o", "gate", "up", "down"}


def fused_lora(shape: Shape, job: Job) -> bool:
    """Whether Axolotl's LoRA kernels run whole: a gated MLP that is no mixture, adapters on all
    seven layers (axolotl 0.21 monkeypatch/lora_kernels.py, `apply_lora_kernel_patches`)."""
    if not job.lora_kernels or job.full or shape.experts or shape.mlp != "gated":
        return False
    return {role for linear in _chosen(shape, job) for role in linear.roles} >= SEVEN


def mlp_saved(shape: Shape, job: Job) -> int:
    """Gated: gate, up and activation; plain: what the activation saves; and the input of `down`
    when it is trained. Liger's gated kernel and Axolotl's make the activation anew. A mixture adds
    the experts' results, their inputs when trained, and 6 B per expert."""
    width = mlp_width(shape)
    saved = activation_saved(shape, job) * width
    if shape.mlp == "gated":
        remade = job.liger or fused_lora(shape, job)
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


def inputs_saved(shape: Shape, job: Job) -> int:
    """Inputs of the trained linear layers: 4 H in full fine-tuning (q/k/v share one, gate/up
    share one; o and down reuse what is saved already), a copy each where the norm's result is
    fp32; else those of the adapters."""
    if fused_lora(shape, job):  # one for q, k, v and one for gate, up; dropped out once more
        return 2 * (5 if job.dropout else 2) * shape.hidden
    if not job.full:
        return adapter_inputs_saved(shape, job) + 4 * job.rank * len(_chosen(shape, job))
    if not wide_norm(shape, job):
        return (1 if _reads_checkpoint(shape, job) else 2) * job.stream_width * shape.hidden
    attention = 1 if "qkv_proj" in shape.modules else 3
    fused = shape.mlp != "gated" or shape.experts or "gate_up_proj" in shape.modules
    return 2 * (attention + (1 if fused else 2)) * shape.hidden


def adapter_inputs_saved(shape: Shape, job: Job) -> int:
    """How often an adapter's input is saved depends on who casts it.

    Dropout: a private copy and a bool mask per target. A quantised base under autocast shares
    inputs; peft's plain layer casts to the adapter's type, a private copy per target.
    """
    return _inputs_saved(shape, job, _chosen(shape, job))


def _reads_checkpoint(shape: Shape, job: Job) -> bool:
    """Whether q, k and v read what checkpointing keeps: no norm stands before them."""
    return job.gradient_checkpointing and shape.model_type in POST_NORM


def mlp_inputs_saved(shape: Shape, job: Job) -> int:
    """The part of the adapters' inputs that belongs to gate, up and down."""
    mlp = {"gate", "up", "down"}
    chosen = [linear for linear in _chosen(shape, job) if mlp & set(linear.roles)]
    return _inputs_saved(shape, job, chosen)


def _inputs_saved(shape: Shape, job: Job, chosen: list[Linear]) -> int:
    width, shared = adapter_copy(shape, job)
    if shared:
        read = width * shape.hidden if _reads_checkpoint(shape, job) else 0
        attention = any({"q", "k", "v"} & set(linear.roles) for linear in chosen)
        return width * _shared_inputs(shape, chosen) - (read if attention else 0)
    if job.base_bits and job.mixed and not job.dropout:  # o reads what attention saved in 16 bit
        chosen = [linear for linear in chosen if "o" not in linear.roles]
    return width * sum(linear.inputs for linear in chosen)


def adapter_copy(shape: Shape, job: Job) -> tuple[int, bool]:
    """Bytes per element that an adapter saves of its input, and whether targets share them."""
    private = 2 if job.mixed or job.adapter_dtype == "bf16" else 4
    if job.dropout > 0:
        return private + 1, False
    if job.base_bits and job.mixed:
        return 2, job.inner_width == 2 and not wide_norm(shape, job)
    if job.inner_width == 4:
        return 4, True
    if job.mixed or job.adapter_dtype == "fp32":
        return private, False
    return 2, True


def down_input_saved(shape: Shape, job: Job) -> int:
    """Bytes per token saved of the input of `down` for its own weight or adapter."""
    if job.full:
        return (2 if job.mixed else job.inner_width) * mlp_width(shape)
    if not down_targeted(shape, job) or fused_lora(shape, job):
        return 0
    return adapter_copy(shape, job)[0] * mlp_width(shape)


def down_targeted(shape: Shape, job: Job) -> bool:
    """Whether `down`, or `down` of the shared expert, has an adapter."""
    return any("down" in linear.roles for linear in _chosen(shape, job))


def _chosen(shape: Shape, job: Job) -> list[Linear]:
    return [] if job.full else list(targeted(shape, job.targets, job.expert_adapters))


def _shared_inputs(shape: Shape, chosen: list[Linear]) -> int:
    roles = {role for linear in chosen for role in linear.roles}
    saved = shape.hidden * (bool(roles & {"q", "k", "v"}) + bool(roles & {"gate", "up"}))
    return saved + sum(linear.inputs for linear in chosen if "down" in linear.roles)


def dora_saved(shape: Shape, job: Job) -> int:
    """DoRA keeps the base result and the adapter result of every target, 2 B each.
    Source: peft 0.18 tuners/lora/dora.py, `DoraLinearLayer.forward`."""
    if job.full or not job.dora:
        return 0
    return 2 * job.matmul_width * sum(linear.outputs for linear in _chosen(shape, job))


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
    roles = {role for linear in _chosen(shape, job) for role in linear.roles}
    if not roles & {"q", "k", "v", "o"}:
        saved += attention_saved(shape, job)
    if job.widened and shape.norm_fp32:
        saved += block_saved(shape, job) - block_saved(shape, replace(job, widened=False))
    return saved * job.tokens
