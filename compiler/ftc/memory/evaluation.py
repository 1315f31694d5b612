"""The evaluation step: a forward pass without gradients over `eval_batch` rows."""

from __future__ import annotations

from ftc.memory.activations import mlp_width
from ftc.memory.job import Job
from ftc.memory.modules import key_width, query_width
from ftc.memory.peaks import Moment
from ftc.memory.shape import Shape
from ftc.memory.weights import dequantised_bytes

# Logits in 2 B, in fp32 and their log-softmax (transformers 5 ForCausalLMLoss without gradients).
EVAL_PER_LOGIT = 10.0


def evaluation_tokens(job: Job) -> int:
    """Tokens in one evaluation pass."""
    answers = 2 if job.stage in ("dpo", "orpo") else 1
    return job.eval_batch * job.max_length * answers


def evaluation_moment(shape: Shape, job: Job) -> Moment:
    """The fuller of the loss and the widest point of one block; no block keeps anything.

    A fused loss has no effect here: Liger's forward makes all logits unless it is training.
    """
    if not job.eval_batch:
        return Moment("no evaluation")
    tokens = evaluation_tokens(job)
    stream = job.stream_width * shape.hidden * tokens
    loss = EVAL_PER_LOGIT * shape.vocab * tokens + stream
    attention = 2 * query_width(shape) + 2 * key_width(shape) + shape.hidden
    width = max(3 * mlp_width(shape), attention)
    block = (job.stream_width * width) * tokens + 2 * stream
    scratch = dequantised_bytes(shape, job)
    if loss > block + scratch:
        return Moment("loss", loss=loss)
    return Moment("block", block=block, quantization=scratch)
