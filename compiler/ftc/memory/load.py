"""The moment of loading at which the card is fullest, beside the weights that it ends with.

Source: transformers 5.6 and 5.20 core_model_loading.py. Without quantisation four threads bring
weights straight to the card, where each is in its final type; with it they come one by one
(`has_on_the_fly_quantization`). The allocator's warm-up takes no more than the weights do.
"""

from __future__ import annotations

from ftc.memory.job import Job
from ftc.memory.modules import Linear, linears
from ftc.memory.peaks import Moment
from ftc.memory.shape import Shape


def load_moment(shape: Shape, job: Job) -> Moment:
    """The largest of what is there for a moment: a layer in 16 bit while it is quantised; gate and
    up of a block's experts twice, while they are made one tensor; what an upcast makes anew."""
    layers = linears(shape)
    moments = [Moment("all weights loaded")]
    if job.base_bits:
        largest = max(linear.size for linear in layers if not linear.expert)
        moments.append(Moment("quantising the largest layer", quantization=2 * largest))
    if shape.experts and shape.model_type != "gpt_oss":  # its checkpoints hold them as one
        merged = sum(linear.size * linear.copies for linear in layers if _merged(linear))
        moments.append(Moment("merging a block's experts", weights=job.base_width * merged))
    if job.full and job.dtype != "fp32" and job.master == "fp32":
        upcast = 2 * shape.vocab * shape.hidden
        moments.append(Moment("upcast of the head", weights=upcast))
    return max(moments, key=Moment.total)


def _merged(linear: Linear) -> bool:
    return linear.expert and "down" not in linear.roles
