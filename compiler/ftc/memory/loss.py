"""What the head and the loss hold at once, bytes: with a large vocabulary the biggest term.

Source: sections 4 and 5 of the memory notes (docs/memory.md). V vocabulary, T tokens, H hidden.
"""

from __future__ import annotations

from ftc.memory.activations import norm_saved
from ftc.memory.job import Job
from ftc.memory.shape import Shape

# Bytes per vocabulary entry and token.
PER_LOGIT = {
    "stock": 12.0,  # log-softmax and two gradients in fp32 (transformers 5 ForCausalLMLoss)
    "held": 14.0,  # the loop keeps the outputs; 16 where accelerate made an fp32 copy of them
    "chunked": 5.5,  # torchtune: logits and gradient in bf16, an eighth of the rest in fp32
    "legacy": 20.0,  # transformers before 4.46: fp32 logits and a shifted copy
}
PREFERENCE_PER_LOGIT = {"dpo": 16.0, "orpo": 18.0, "kto": 20.0}
FUSED_PER_HIDDEN = 8.0  # cut cross entropy: 4 to 8


def loss_bytes(shape: Shape, job: Job) -> float:
    """Logits, log-probabilities and their gradients.

    Preference losses keep the fp32 logits and the log-softmax while the reference's logits are
    made, or while two gradients are: 16 V T. kto in LLaMA-Factory indexes the logits and runs a
    KL pass (20), orpo in TRL takes a cross entropy beside it (18). Traced on a CPU with the loss
    functions of LLaMA-Factory 0.9.5 and TRL 1.14.1; unmeasured. A fused loss does not help
    there. Soft-capped logits keep the tanh: 2 V T more.
    """
    logits = shape.vocab * job.tokens
    capped = 2 * logits if shape.softcap else 0
    if job.preference:
        return PREFERENCE_PER_LOGIT[job.stage] * logits + capped
    if job.loss == "fused":
        return _fused_bytes(shape, job)
    per_logit = PER_LOGIT[job.loss]
    if job.loss == "held" and (job.mixed or job.stream_width == 4):
        per_logit = 16.0
    return per_logit * logits + capped


def _fused_bytes(shape: Shape, job: Job) -> float:
    """Liger takes as many rows at a time as make logits of about T x H, a power of two, and holds
    the head's input and its gradient. Cut cross entropy (no Liger): 8 H T, from reading its code.
    Source: liger-kernel 0.8.4 ops/fused_linear_cross_entropy.py, traced."""
    if not job.liger:
        return FUSED_PER_HIDDEN * shape.hidden * job.tokens
    rows = -(-job.tokens // -(-shape.vocab // shape.hidden))
    rows = min(1 << (rows - 1).bit_length(), job.tokens)
    width = 2 if job.mixed else job.stream_width
    return width * rows * shape.vocab + 2 * job.stream_width * shape.hidden * job.tokens


def head_bytes(shape: Shape, job: Job) -> int:
    """What the final norm saves, and the head's input where the head is trained."""
    trained = job.full or "lm_head" in job.saved_names or "lm_head" in job.targets
    head = (2 if job.mixed else job.stream_width) * shape.hidden if trained else 0
    return (norm_saved(shape, job) + head) * job.tokens


def fp32_head(job: Job) -> bool:
    """Whether a copy of the head is trained in fp32: autocast makes a 16-bit one of it."""
    return "lm_head" in job.saved_names and job.saved_dtype == "fp32"


def logits_made(job: Job) -> bool:
    """Whether all logits exist at once."""
    return job.preference or job.loss in ("stock", "held", "legacy")
