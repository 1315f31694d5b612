"""Faults of one version of one backend."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.backends.versions import VERSIONS
from ftc.rules.case import Case, Fault, path
from ftc.rules.lora import MULTIMODAL

BY_MICRO_BATCH = ("0.16.", "0.17.", "0.18.", "0.19.")  # Axolotl releases that average so


def backend_version_gate(case: Case) -> Iterator[Fault]:
    """A backend version that ftc does not know.

    Keys come and go between versions (0.21 of Axolotl refuses list-style FSDP and `rope_scaling`),
    and both tools take what they do not know in silence or stop late.

    Source: schemas of Axolotl 0.19.0 and 0.21.0, side by side.
    """
    known = {(entry.backend, entry.version) for entry in VERSIONS}
    for name, version in case.backends:
        if (name, version) not in known:
            supported = ", ".join(found for backend, found in sorted(known) if backend == name)
            text = f"{name} {version} is not a supported version"
            yield Fault(f"backend.{name}", text, f"supported: {supported or 'none'}")


def ga_normalisation(case: Case) -> Iterator[Fault]:
    """Axolotl 0.16 to 0.19 averages accumulated losses by micro batch.

    With gradient accumulation the loss is the mean of the micro batches' means, so that short
    answers weigh more than in 0.21.0 and in LLaMA-Factory. A warning and no error: the same rows
    are trained, and over three micro batches the losses were seen to differ by 5e-5 at most.

    Source: axolotl#2262, #3196; axolotl PR#3982; seen: 7.65783 in place of 7.66191.
    """
    version = case.version("axolotl")
    if case.plan.gradient_accumulation > 1 and version.startswith(BY_MICRO_BATCH):
        text = f"Axolotl {version} weighs short answers more with gradient accumulation"
        remedy = "use Axolotl 0.21.0 or LLaMA-Factory, or set gradient_accumulation = 1"
        yield Fault(path("gradient_accumulation"), text, remedy)


def processor_loss(case: Case) -> Iterator[Fault]:
    """Accumulated losses of a multimodal model are averaged by micro batch in LLaMA-Factory.

    A model that comes with a processor makes LLaMA-Factory take the mean of micro-batch means, also
    for plain text.

    Source: LLaMA-Factory `train/sft/trainer.py` (`model_accepts_loss_kwargs = False`).
    """
    plan = case.plan
    if (
        plan.model_type in MULTIMODAL
        and plan.gradient_accumulation > 1
        and case.version("llamafactory")
    ):
        text = f"LLaMA-Factory averages {plan.model_type} by micro batch, not by token"
        remedy = "use the text-only checkpoint, or set gradient_accumulation = 1"
        yield Fault(path("gradient_accumulation"), text, remedy)
