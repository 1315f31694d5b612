"""Faults of the machine: what a CPU cannot do, and what more than one card changes."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.resources import cache
from ftc.rules.case import Case, Fault, graded, path


def cpu_device(case: Case) -> Iterator[Fault]:
    """A setting that needs a card, with `device = "cpu"`.

    On CPU ftc trains in fp32: bf16, fp16 and TF32 stop both tools there, DeepSpeed asks for NCCL.

    Source: seen with Axolotl 0.19.0 and LLaMA-Factory 0.9.5 on CPU.
    """
    plan = case.plan
    if plan.device != "cpu":
        return
    if plan.dtype != "fp32":
        yield Fault(path("dtype"), f"{plan.dtype} on a CPU", "leave dtype out, or set 'fp32'")
    if plan.tf32:
        yield Fault(path("tf32"), "TF32 is a format of NVIDIA cards", "set tf32 = false")
    if plan.zero_stage:
        yield Fault(path("zero_stage"), "DeepSpeed asks for NCCL", "leave zero_stage out")
    if plan.gpus > 1:
        yield Fault(path("gpus"), f"{plan.gpus} cards with device = 'cpu'", "leave gpus out")


def cpu_bitsandbytes(case: Case) -> Iterator[Fault]:
    """A bitsandbytes quantisation or optimizer on a CPU.

    Axolotl was seen to train this way, slowly; the CPU environment of LLaMA-Factory has no
    bitsandbytes, so that it is an error there.

    Source: seen with Axolotl 0.19.0 on CPU; the lock file of LLaMA-Factory 0.9.5 for CPU.
    """
    plan = case.plan
    if plan.device != "cpu":
        return
    severity = graded(bool(case.version("llamafactory")))
    if plan.method == "qlora":
        text = f"a base of {plan.quant_bits} bits on a CPU"
        yield Fault(path("method"), text, "set method = 'lora'", severity)
    if "8bit" in plan.optimizer:
        text = f"{plan.optimizer} on a CPU"
        yield Fault(path("optimizer"), text, "set optimizer = 'adamw_torch'", severity)


def path_with_space(case: Case) -> Iterator[Fault]:
    """A space in the path of the backend's environment, with several cards or ZeRO.

    LLaMA-Factory's launcher joins its own path and its arguments to one line and splits it again at
    spaces, so that it starts on one card and fails on two. ftc's own file names have no space.

    Source: LLaMA-Factory `launcher.py::launch`.
    """
    folder, plan = str(cache()), case.plan
    launched = plan.device == "gpu" and (plan.gpus > 1 or plan.zero_stage > 0)
    if launched and case.version("llamafactory") and any(map(str.isspace, folder)):
        text = f"LLaMA-Factory's launcher cannot start from {folder!r}, which has a space"
        where = path("gpus") if plan.gpus > 1 else path("zero_stage")
        yield Fault(where, text, "set the environment variable FTC_CACHE to a plain path")


def cross_device_average(case: Case) -> Iterator[Fault]:
    """Over several cards Axolotl averages losses by card, not by token.

    Axolotl fixes `average_tokens_across_devices` to false; its loss over several cards differs from
    that of one card when rows differ in length. ftc writes the same for LLaMA-Factory.

    Source: Axolotl `core/builders/base.py::_set_base_training_args`.
    """
    if case.plan.gpus > 1 and case.version("axolotl"):
        text = f"Axolotl averages the loss by card over {case.plan.gpus} cards, not by token"
        yield Fault(path("gpus"), text, "expect losses that differ a little from one card's")
