"""What is saved of the inputs of trained linear layers and of adapters: bytes per token and block.

Source: peft 0.18 and 0.21 tuners/lora, traced by tests/oracle (docs/memory.md). H hidden.
"""

from __future__ import annotations

from ftc.memory.job import Job
from ftc.memory.modules import Linear, targeted
from ftc.memory.shape import Shape
from ftc.memory.widths import POST_NORM, mlp_width, wide_norm

SEVEN = {"q", "k", "v", "o", "gate", "up", "down"}


def fused_lora(shape: Shape, job: Job) -> bool:
    """Whether Axolotl's LoRA kernels run whole: a gated MLP that is no mixture, adapters on all
    seven layers (axolotl 0.21 monkeypatch/lora_kernels.py, `apply_lora_kernel_patches`)."""
    if not job.lora_kernels or job.full or shape.experts or shape.mlp != "gated":
        return False
    return {role for linear in chosen_layers(shape, job) for role in linear.roles} >= SEVEN


def inputs_saved(shape: Shape, job: Job) -> int:
    """Inputs of the trained linear layers: 4 H in full fine-tuning (q/k/v share one, gate/up
    share one; o and down reuse what is saved already), a copy each where the norm's result is
    fp32; else those of the adapters."""
    if fused_lora(shape, job):  # one for q, k, v and one for gate, up; dropped out once more
        return 2 * (5 if job.dropout else 2) * shape.hidden
    if not job.full:
        return adapter_inputs_saved(shape, job) + 4 * job.rank * len(chosen_layers(shape, job))
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
    return _inputs_saved(shape, job, chosen_layers(shape, job))


def _reads_checkpoint(shape: Shape, job: Job) -> bool:
    """Whether q, k and v read what checkpointing keeps: no norm stands before them."""
    return job.gradient_checkpointing and shape.model_type in POST_NORM


def mlp_inputs_saved(shape: Shape, job: Job) -> int:
    """The part of the adapters' inputs that belongs to gate, up and down."""
    if fused_lora(shape, job):
        return inputs_saved(shape, job) // 2
    mlp = {"gate", "up", "down"}
    chosen = [linear for linear in chosen_layers(shape, job) if mlp & set(linear.roles)]
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
    return any("down" in linear.roles for linear in chosen_layers(shape, job))


def chosen_layers(shape: Shape, job: Job) -> list[Linear]:
    return [] if job.full else list(targeted(shape, job.targets, job.expert_adapters))


def _shared_inputs(shape: Shape, chosen: list[Linear]) -> int:
    roles = {role for linear in chosen for role in linear.roles}
    saved = shape.hidden * (bool(roles & {"q", "k", "v"}) + bool(roles & {"gate", "up"}))
    return saved + sum(linear.inputs for linear in chosen if "down" in linear.roles)
