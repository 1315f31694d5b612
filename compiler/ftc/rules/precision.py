"""Faults of number formats and attention kernels against the card and the method."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.factors.decide import offered
from ftc.resolve.sheet import open_sheet
from ftc.rules.case import Case, Fault, path


def bf16_old_gpu(case: Case) -> Iterator[Fault]:
    """bf16 on a card older than Ampere.

    Such a card has no bf16 units: training is slow, fails, or ends in NaN. Both tools ask torch,
    which also counts emulation, so that neither says so.

    Source: axolotl#1924, axolotl PR#766; stanford_alpaca#133; LMFlow#251.
    """
    hardware = case.facts.hardware
    if case.plan.device == "gpu" and case.plan.dtype == "bf16" and not hardware.bf16:
        text = f"{hardware.name or 'this card'} has no bf16"
        remedy = "set dtype = 'fp16' for LoRA, or 'fp32'"
        yield Fault(path("dtype"), text, remedy)


def flash_attention_gpu(case: Case) -> Iterator[Fault]:
    """Flash attention on a card that cannot run it, or on CPU.

    FlashAttention 2 needs Ampere or newer. Axolotl fails when it is imported; LLaMA-Factory warns
    and takes another one. Where the recipe names no card this is a warning.

    Source: axolotl#1571 ("FlashAttention only supports Ampere GPUs or newer").
    """
    hardware, on_cpu = case.facts.hardware, case.plan.device == "cpu"
    if case.plan.attention != "flash_attention_2" or (not on_cpu and hardware.flash_attention):
        return
    if not on_cpu and not hardware.name:
        text = "FlashAttention 2 needs Ampere or newer, and the recipe names no card"
        yield Fault(path("attention"), text, "name the card under hardware.gpu", "warning")
        return
    text = f"{hardware.name or 'a CPU'} cannot run FlashAttention 2"
    yield Fault(path("attention"), text, "set attention = 'sdpa'")


def liger_unsupported(case: Case) -> Iterator[Fault]:
    """Liger's kernels are asked for where the two tools cannot both use them.

    They need a card that Triton compiles for (compute capability 7.0), a model type that both tools
    patch alike, and a loss that needs no logits: LLaMA-Factory then warns and goes on without, or
    with another loss; Axolotl fails or trains with a part of them.

    Source: LLaMA-Factory 0.9.5 `model/model_utils/liger_kernel.py`; Axolotl 0.21.0
    `integrations/liger/plugin.py`; liger-kernel 0.8.4 `monkey_patch.py`.
    """
    if not case.plan.liger_kernel:
        return
    known = open_sheet(case.recipe, case.facts, case.table).known
    if True in offered(case.table, "liger_kernel", known, case.recipe.factors.prefer):
        return
    text = f"no Liger kernels for {case.plan.stage} of a {case.plan.model_type or 'unknown'} model"
    if case.plan.device == "cpu":
        text = "Liger's kernels need a GPU"
    yield Fault(path("liger_kernel"), text, "leave liger_kernel out")


def fp16_full_ft(case: Case) -> Iterator[Fault]:
    """Full fine-tuning in fp16.

    Axolotl loads the weights themselves in fp16, and the gradient scaler refuses them ("Attempting
    to unscale FP16 gradients") or the loss becomes NaN. LLaMA-Factory keeps fp32 weights.

    Source: LLaMA-Factory#2916, #7263, #8004; Axolotl `utils/config/__init__.py::resolve_dtype`.
    """
    plan = case.plan
    if plan.method == "full" and plan.dtype == "fp16" and case.version("axolotl"):
        text = "full fine-tuning in fp16 has no fp32 weights in Axolotl"
        yield Fault(path("dtype"), text, "set dtype = 'bf16' on Ampere or newer, or use LoRA")


def no_amp(case: Case) -> Iterator[Fault]:
    """fp32 on a card is not fp32 in LLaMA-Factory.

    With neither bf16 nor fp16 asked for, LLaMA-Factory still loads the model in bf16 where the card
    has it, and trains without autocast.

    Source: LLaMA-Factory `extras/misc.py::infer_optim_dtype`.
    """
    plan = case.plan
    if plan.device == "gpu" and plan.dtype == "fp32" and case.version("llamafactory"):
        text = "LLaMA-Factory loads the weights in bf16 when neither bf16 nor fp16 is asked for"
        yield Fault(path("dtype"), text, "set dtype = 'bf16', or use Axolotl for fp32")


def fp32_master(case: Case) -> Iterator[Fault]:
    """LLaMA-Factory keeps fp32 weights under ZeRO-3 in full fine-tuning.

    ftc asks it for pure bf16, as Axolotl trains, but it refuses that with ZeRO-3: there the two
    tools differ in memory (18 bytes a parameter in place of 8) and in rounding.

    Source: LLaMA-Factory `model/adapter.py::init_adapter` and its README; LLaMA-Factory#3825.
    """
    plan = case.plan
    sharded = plan.method == "full" and plan.dtype == "bf16" and plan.zero_stage == 3
    if sharded and case.version("llamafactory"):
        text = "LLaMA-Factory trains fp32 weights with ZeRO-3, Axolotl bf16 weights"
        yield Fault(path("zero_stage"), text, "set zero_stage = 2 where that fits")


def awq_gptq_dtype(case: Case) -> Iterator[Fault]:
    """A base that is stored in AWQ or GPTQ, trained in bf16.

    The kernels of these formats compute in fp16; in bf16 the loss is 0 or NaN on some versions.

    Source: LLaMA-Factory#9462, LLaMA-Factory#2311.
    """
    shape = case.facts.model.shape
    if shape is None or shape.quantized not in ("awq", "gptq") or case.plan.dtype != "bf16":
        return
    text = f"the base is stored in {shape.quantized.upper()}, whose kernels compute in fp16"
    yield Fault(path("dtype"), text, "set dtype = 'fp16', or start from the 16-bit checkpoint")
