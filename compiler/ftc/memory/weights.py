"""What stays on the card for the whole run: weights, adapter, optimizer state; and gradients.

Source of every term, unless it says otherwise: section 4 of the memory notes (docs/memory.md),
checked there against storage lifetimes of the real modules of transformers 5 and peft 0.21.
All results are bytes on one card before ZeRO shards them.
"""

from __future__ import annotations

from ftc.memory.job import Job
from ftc.memory.modules import (
    HEADS,
    linear_parameters,
    linears,
    lora_parameters,
    parameters,
    targeted,
)
from ftc.memory.shape import Shape

NF4_BLOCK = 64  # weights that share an absmax
NF4_SECOND_BLOCK = 256  # absmax values that share one, with double quantisation
ADAM_8BIT_BLOCK = 256  # optimizer values that share an absmax


def quantised_bytes(elements: int, job: Job, row: int) -> float:
    """Bytes of `elements` quantised weights whose rows are `row` long.

    NF4: half a byte, plus an absmax per 64 weights (one byte and 4 B per 256 of them with double
    quantisation, else 4 B). int8: a byte, plus a 4 B scale per row. A bnb int8 layer may hold
    outlier columns in fp16 as well; they are not counted.
    """
    if job.base_bits == 8:
        return elements + 4 * elements / row
    absmax = 1 + 4 / NF4_SECOND_BLOCK if job.double_quant else 4
    return elements * 0.5 + elements / NF4_BLOCK * absmax


def quantised_parameters(shape: Shape, job: Job) -> int:
    """Weights that a quantised base holds quantised: linear layers inside blocks; the experts of
    a mixture only where the tool sees to it."""
    if not job.base_bits:
        return 0
    inside = linear_parameters(shape)
    if not shape.experts or job.experts_quantized:
        return inside
    experts = sum(linear.size * linear.copies for linear in linears(shape) if linear.expert)
    return inside - (shape.layers - shape.dense_layers) * experts


def weight_bytes(shape: Shape, job: Job) -> float:
    """W: the base model. Only linear layers inside blocks are quantised; the rest stays 2 B,
    or 4 B after an upcast that is not taken back."""
    total = parameters(shape)
    if job.full:
        return total * job.trained_width
    inside = linear_parameters(shape)
    outside = (total - inside) * (4 if job.upcast_embeddings else job.base_width)
    quantised = quantised_parameters(shape, job)
    plain = (inside - quantised) * job.base_width
    return quantised_bytes(quantised, job, shape.hidden) + plain + outside


def scale_bytes(shape: Shape, job: Job) -> float:
    """The part of the weights that is scales: absmax of NF4, row scales of int8."""
    if not job.base_bits:
        return 0
    quantised = quantised_parameters(shape, job)
    return quantised_bytes(quantised, job, shape.hidden) - quantised * job.base_bits / 8


def reference_bytes(shape: Shape, job: Job) -> float:
    """Frozen reference model of dpo and kto: a second copy in full fine-tuning.

    With LoRA it is the base with the adapter switched off and costs nothing; orpo has none.
    Source: LLaMA-Factory 0.9.5 train/dpo/trainer.py, TRL 1.14 dpo_trainer.py. Unmeasured.
    """
    if not job.full or job.stage not in ("dpo", "kto"):
        return 0
    return parameters(shape) * job.base_width


def saved_module_parameters(shape: Shape, job: Job) -> int:
    """Weights of `modules_to_save` that are trained in full beside the adapters."""
    if job.full:
        return 0
    chosen = {name.rsplit(".", 1)[-1] for name in job.modules_to_save} & set(HEADS)
    return len(chosen) * shape.vocab * shape.hidden


def adapter_parameters(shape: Shape, job: Job) -> int:
    """LoRA weights, with the magnitude vectors of DoRA (one value per output)."""
    if job.full:
        return 0
    count = lora_parameters(shape, job.rank, job.targets, job.expert_adapters)
    if job.dora:
        chosen = targeted(shape, job.targets, job.expert_adapters)
        count += shape.layers * sum(linear.outputs * linear.copies for linear in chosen)
    return count


def trainable_parameters(shape: Shape, job: Job) -> int:
    """Weights that get a gradient and optimizer state."""
    if job.full:
        return parameters(shape)
    return adapter_parameters(shape, job) + saved_module_parameters(shape, job)


def adapter_bytes(shape: Shape, job: Job) -> float:
    """4 t: peft keeps adapters in fp32 (`autocast_adapter_dtype`); copies of whole modules as
    `saved_dtype` says."""
    return 0 if job.full else gradient_bytes(shape, job)


def saved_width(job: Job) -> int:
    """Bytes of a weight of `modules_to_save`; DeepSpeed casts them to bf16."""
    if job.dtype == "fp32":
        return 4
    return 4 if job.saved_dtype == "fp32" and not job.zero_stage else 2


def gradient_bytes(shape: Shape, job: Job) -> float:
    """A gradient is as wide as its weight."""
    if job.full:
        return parameters(shape) * job.trained_width
    own = adapter_parameters(shape, job) * job.trained_width
    return own + saved_module_parameters(shape, job) * saved_width(job)


def optimizer_bytes(shape: Shape, job: Job) -> float:
    """AdamW keeps two moments as wide as the weight; the 8-bit ones a byte each plus a 4 B absmax
    per 256 values. Trainer keeps 32-bit moments for embeddings even then (transformers 5
    `Trainer.create_optimizer`). Paged state is counted in full although it can be evicted.

    Under DeepSpeed an fp32 copy of the weights is kept beside fp32 moments.
    """
    count = trainable_parameters(shape, job)
    master = 4 * count if job.zero_stage else 0
    if job.optimizer not in ("adamw_bnb_8bit", "paged_adamw_8bit"):
        return master + 2 * (4 * count if job.zero_stage else gradient_bytes(shape, job))
    wide = shape.vocab * shape.hidden if job.full else 0
    return master + (count - wide) * 2 * (1 + 4 / ADAM_8BIT_BLOCK) + wide * 8


def optimizer_scratch(shape: Shape, job: Job) -> float:
    """adamw_torch updates all weights in one go (foreach) through a copy of them; fused: none. On
    a CPU it goes weight by weight, through two copies (torch optim/optimizer.py,
    `_default_to_fused_or_foreach`)."""
    if job.optimizer != "adamw_torch":
        return 0
    if job.device == "gpu":
        return gradient_bytes(shape, job)
    if job.full or job.modules_to_save:
        return 2 * shape.vocab * shape.hidden * job.trained_width
    largest = max((linear.inputs for linear in targeted(shape, job.targets)), default=0)
    return 2 * job.rank * largest * job.trained_width


def dequantised_bytes(shape: Shape, job: Job) -> float:
    """The largest linear layer in 2 B, made anew in forward and backward; of quantised experts
    the whole tensor, gate and up of all of them (Axolotl monkeypatch/moe_quant.py). int8 and
    experts: unmeasured."""
    if not job.base_bits:
        return 0
    layers = linears(shape)
    if shape.experts and job.experts_quantized:
        return 2 * max(linear.size * linear.copies * 2 for linear in layers if linear.expert)
    return 2 * max(linear.size for linear in layers if not linear.expert)
