"""Faults of DeepSpeed ZeRO with what is sharded."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.rules.case import Case, Fault, path

WHERE = path("zero_stage")


def qlora_zero3(case: Case) -> Iterator[Fault]:
    """A bitsandbytes base under ZeRO-3.

    ZeRO-3 does not shard 8-bit weights and stops; with 4 bits some versions run and every card
    still holds the whole base.

    Source: axolotl#207, #1240, #1481; LLaMA-Factory#5595, #2974; DeepSpeed#3719.
    """
    if case.plan.method == "qlora" and case.plan.zero_stage == 3:
        bits = case.plan.quant_bits
        text = f"ZeRO-3 does not shard a base of {bits} bits"
        yield Fault(WHERE, text, "set zero_stage = 2", "error" if bits == 8 else "warning")


def ptq_zero3(case: Case) -> Iterator[Fault]:
    """A base that is stored quantised (GPTQ, AWQ, ...) under ZeRO-3.

    Source: LLaMA-Factory `model/model_utils/quantization.py` refuses it; Axolotl fails later.
    """
    shape = case.facts.model.shape
    if shape is not None and shape.quantized and case.plan.zero_stage == 3:
        text = f"ZeRO-3 cannot shard a base that is stored in {shape.quantized}"
        yield Fault(WHERE, text, "set zero_stage = 2, or start from the 16-bit checkpoint")


def offload_optimizer_bnb(case: Case) -> Iterator[Fault]:
    """An 8-bit or paged optimizer with its state offloaded by ZeRO.

    accelerate puts DeepSpeed's CPU Adam in its place without a word: the state has 32 bits, and
    weight decay becomes an L2 penalty, so that it is no AdamW any more.

    Source: accelerate `utils/deepspeed.py::map_pytorch_optim_to_deepspeed` (read in the version
    that each supported backend brings).
    """
    if case.plan.offload_optimizer and case.plan.zero_stage and "8bit" in case.plan.optimizer:
        text = f"{case.plan.optimizer} is replaced by a 32-bit Adam when ZeRO offloads its state"
        yield Fault(path("optimizer"), text, "set optimizer = 'adamw_torch'")


def offload_without_zero(case: Case) -> Iterator[Fault]:
    """The optimizer state is to be offloaded, but ZeRO is off.

    Offloading is a part of ZeRO; without it the key does nothing.

    Source: DeepSpeed documentation, `zero_optimization.offload_optimizer`.
    """
    if case.plan.offload_optimizer and case.plan.zero_stage == 0:
        text = "offload_optimizer does nothing without ZeRO"
        yield Fault(path("offload_optimizer"), text, "set zero_stage = 2")
