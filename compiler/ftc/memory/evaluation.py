"""The evaluation step: a forward pass without gradients over `eval_batch` rows."""

from __future__ import annotations

from ftc.memory.job import Job
from ftc.memory.peaks import Moment
from ftc.memory.scratch import forward_scratch
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
    per_logit = 8.0 if job.dtype == "fp32" else EVAL_PER_LOGIT
    loss = per_logit * shape.vocab * tokens + job.stream_width * shape.hidden * tokens
    block = forward_scratch(shape, job) * tokens
    scratch = dequantised_bytes(shape, job)
    if loss > block + scratch:
        return Moment("loss", loss=loss)
    return Moment("block", block=block, quantization=scratch)
