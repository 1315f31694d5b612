"""The moment at which the last weight of the base model arrives on the card."""

from __future__ import annotations

from ftc.memory.job import Job
from ftc.memory.modules import linears
from ftc.memory.peaks import Moment
from ftc.memory.shape import Shape


def load_moment(shape: Shape, job: Job) -> Moment:
    """transformers 5 brings weights one by one: a quantised base holds the one that it quantises
    in 16 bit beside all others, an upcast one the largest in both widths.

    Source: transformers 5.20 core_model_loading.py, `convert_and_load_state_dict_in_model`.
    """
    if job.base_bits:
        largest = max(linear.size for linear in linears(shape))
        return Moment("quantising the largest layer", quantization=2 * largest)
    if job.full and job.dtype != "fp32" and job.master == "fp32":
        return Moment("upcast of the embedding", weights=2 * shape.vocab * shape.hidden)
    return Moment("all weights loaded")
