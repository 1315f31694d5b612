"""What lives for a moment while one block runs backward, beside what it saved: bytes per token.

Each function is one moment that can be the widest, by the order in which autograd's engine runs a
block: recomputation (when checkpointing), `down`, the gated product, the activation, attention.
Source: tests/oracle, `tools/oracle.py --explain CASE` lists what lives at a peak. H hidden,
I MLP width, k experts of a token; a tensor that backward has used up by then is taken off.
"""

from __future__ import annotations

from ftc.memory.activations import mlp_saved, norm_saved, plain_attention
from ftc.memory.inputs import (
    adapter_copy,
    down_input_saved,
    down_targeted,
    fused_lora,
    mlp_inputs_saved,
)
from ftc.memory.job import Job
from ftc.memory.modules import query_width, targeted
from ftc.memory.shape import Shape
from ftc.memory.widths import POST_NORM, mlp_width, wide_activation


def forward_end_scratch(shape: Shape, job: Job) -> int:
    """The end of a block's forward pass, first or recomputed. Recomputation stops where the last
    tensor is saved: in the adapter of `down` if it has one (its input, in fp32 for the adapter's
    type, and once more dropped out; the base result, the norm's result, the residual unless
    Liger's norm saved it, and two gradients, or what the model's loop holds), else before.
    """
    stream = job.stream_width * shape.hidden
    if shape.experts and not (shape.shared_intermediate and down_targeted(shape, job)):
        copies = 2 if job.full or job.expert_adapters else 3
        return copies * job.inner_width * shape.experts_per_token * shape.hidden + 3 * stream
    if job.full or not down_targeted(shape, job):
        return 2 * stream
    if fused_lora(shape, job):
        return job.inner_width * mlp_width(shape) + 3 * stream
    held = (4 if job.liger or (job.base_bits and job.mixed) else 5) * stream
    if (
        job.liger and "gate_up_proj" in shape.modules
    ):  # its halves were copied, and it is still held
        held += 2 * job.inner_width * mlp_width(shape)
    return _down_input(shape, job) + held


def _down_input(shape: Shape, job: Job) -> int:
    """The input of `down` and its copies, as far as the adapter does not save them."""
    width, own = mlp_width(shape), job.inner_width
    if wide_activation(shape, job):  # in fp32 already: the adapter's cast makes no copy
        return (8 if job.dropout else 4) * width
    if job.base_bits and job.mixed:
        return own * width if job.dropout or own == 4 else 0
    if job.dropout:
        return (own + (8 if job.mixed else 4)) * width
    if own == 4 or (job.adapter_dtype == "bf16" and not job.mixed):
        return 0
    return (own + (4 if job.mixed else 0)) * width


def down_scratch(shape: Shape, job: Job) -> int:
    """Backward of `down`: the adapter's gradient goes through the cast of its input (and its
    dropout), then the base layer makes its own. A quantised weight comes on top of this."""
    stream, width = job.stream_width * shape.hidden, mlp_width(shape)
    own = job.inner_width * width
    if job.full or not down_targeted(shape, job) or fused_lora(shape, job):
        return stream + own
    freed = down_input_saved(shape, job) - (width if job.dropout else 0)
    if job.base_bits and job.mixed:
        return stream + own + 2 * width - freed
    if job.inner_width == 4 or (job.adapter_dtype == "bf16" and not job.mixed):
        return stream + 2 * own - freed
    return stream + (8 if job.dropout else 6) * width - freed


def product_scratch(shape: Shape, job: Job) -> int:
    """Backward of gate x up: its gradient and both factors'. Liger's kernel writes those over what
    it saved; then the sum of the product's gradients from base and adapter is as wide, where no
    cast made one of them anew (the engine adds in place only to what is no view)."""
    own = job.inner_width * mlp_width(shape)
    if fused_lora(shape, job):  # the product once more, and in fp32 for the adapter's gradient
        cast = 4 * mlp_width(shape) if job.adapter_dtype == "fp32" and job.mixed else 0
        return job.stream_width * shape.hidden + own + cast
    summed = down_targeted(shape, job) and adapter_copy(shape, job)[1]
    made = 3 if summed or not job.liger else 1
    return job.stream_width * shape.hidden + made * own - down_input_saved(shape, job)


def activation_scratch(shape: Shape, job: Job) -> int:
    """Backward of the activation of a plain MLP: two gradients; four in fp32 where it squares, by
    `pow` (derivatives.yaml, `pow_backward`), three with gelu_new, four with xIELU (a mask is gone
    by then)."""
    width = mlp_width(shape)
    scratch = job.stream_width * shape.hidden - down_input_saved(shape, job)
    wide = 4 if job.mixed else job.inner_width
    if shape.activation == "xielu":
        return scratch + (4 * wide + job.inner_width - 1) * width
    if shape.activation == "relu2":
        return scratch + 4 * wide * width
    if shape.activation == "gelu_new":
        return scratch + 3 * wide * width
    return scratch + 2 * job.inner_width * width


def norm_behind(shape: Shape) -> bool:
    """Whether a block ends in a norm: OLMo 2 and 3, Gemma 2 and 3, GLM 4."""
    return shape.model_type in POST_NORM or shape.norms > 2


def norm_scratch(shape: Shape, job: Job) -> int:
    """Backward of an RMSNorm behind the MLP, the first of all: five gradients in fp32, by `pow`;
    what a trained weight saved is gone."""
    if not norm_behind(shape) or not shape.norm_fp32 or job.liger:
        return 0
    gone = norm_saved(shape, job) - 4 * shape.hidden
    return (20 + job.stream_width) * shape.hidden - gone


def experts_scratch(shape: Shape, job: Job) -> int:
    """Backward of the weighted sum over a token's experts: three tensors of k H."""
    routed = job.inner_width * shape.experts_per_token * shape.hidden
    return 3 * routed + job.stream_width * shape.hidden


def attention_scratch(shape: Shape, job: Job) -> int:
    """Backward of a softmax that was written out: two gradients of heads x length in fp32, the
    16-bit probabilities and all that the MLP saved are gone."""
    if job.attention == "eager":
        scores = (8 - job.matmul_width) * shape.heads * job.max_length
    elif plain_attention(shape, job):
        scores = 4 * shape.heads * job.max_length
    else:
        return 0
    gone = mlp_saved(shape, job) + norm_saved(shape, job) + mlp_inputs_saved(shape, job)
    return scores + job.stream_width * shape.hidden + 2 * query_width(shape) - gone


def early_scratch(shape: Shape, job: Job) -> int:
    """The widest moment of a block before a layer of its own has a gradient."""
    moments = [forward_end_scratch(shape, job), norm_scratch(shape, job)]
    if shape.experts:
        moments.append(experts_scratch(shape, job))
    return max(moments)


def late_scratch(shape: Shape, job: Job) -> int:
    """The widest moment of a block once `down` has its gradient, dequantised weights left out."""
    moments = [down_scratch(shape, job), attention_scratch(shape, job)]
    if shape.mlp != "gated":
        moments.append(activation_scratch(shape, job))
    elif not shape.experts:
        moments.append(product_scratch(shape, job))
    gone = norm_saved(shape, job) if norm_behind(shape) else 0
    return max(moments) - gone


def backward_scratch(shape: Shape, job: Job) -> int:
    """The widest moment of one block from the end of its forward pass on."""
    return max(early_scratch(shape, job), late_scratch(shape, job))


def mlp_end_scratch(shape: Shape, job: Job) -> int:
    """Backward of a block when its MLP is through, in full fine-tuning: the MLP's saved tensors
    are gone, gradients of gate, up and their input are there."""
    own = 2 * job.inner_width * mlp_width(shape)
    stream = 2 * job.stream_width * shape.hidden
    routed = job.inner_width * shape.experts_per_token * shape.hidden if shape.experts else 0
    return own + stream + 2 * routed - mlp_saved(shape, job)


def forward_scratch(shape: Shape, job: Job) -> int:
    """The widest point of a block's forward pass when nothing is saved (evaluation): activation,
    base result, adapter's result before and after scaling, or the activation, `up` and their
    product; the norm's result (in fp32 for an adapter), residual and stream."""
    stream, width = job.stream_width * shape.hidden, mlp_width(shape)
    if shape.experts:
        routed = job.inner_width * shape.experts_per_token * shape.hidden
        return 4 * routed + 3 * stream
    roles = {role for linear in targeted(shape, job.targets) for role in linear.roles}
    if job.full or not roles & {"up", "down"}:
        wide = 4 if wide_activation(shape, job) else job.inner_width
        return 3 * wide * width + 4 * stream
    cast = 4 * shape.hidden if job.mixed and not job.base_bits else 0
    return 4 * job.inner_width * width + 4 * stream + cast


def dora_bytes(shape: Shape, job: Job) -> int:
    """DoRA multiplies an identity matrix through the adapter to get its weight, and takes the norm
    of base plus adapter: 6 B x inputs², 12 B x inputs x outputs of the largest target.
    Source: peft 0.18 tuners/lora/dora.py, `DoraLinearLayer.forward`."""
    if job.full or not job.dora:
        return 0
    chosen = targeted(shape, job.targets, job.expert_adapters)
    return max(
        (6 * linear.inputs**2 + 12 * linear.inputs * linear.outputs for linear in chosen), default=0
    )
