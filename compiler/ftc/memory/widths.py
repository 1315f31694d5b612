"""How wide a tensor is: where autocast, norms and activations make it fp32, and how wide an MLP is.

Source: transformers 5.6 and 5.20 activations.py and modeling files, traced by tests/oracle.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from ftc.memory.job import Job
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


def mlp_width(shape: Shape) -> int:
    """I that one token passes through: its experts and the shared one, or the dense width."""
    if not shape.experts:
        return shape.intermediate
    return shape.experts_per_token * shape.expert_intermediate + shape.shared_intermediate
