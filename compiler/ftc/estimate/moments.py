"""What it means that a moment is the fullest of its phase, and what would make it smaller."""

from __future__ import annotations

from ftc.memory.job import Job
from ftc.memory.phases import Phase

TRAIN: dict[str, str] = {
    "loss": "the logits and their gradients, when backward starts",
    "block": "backward of one block, on top of what all blocks keep",
    "end of backward": "the gradients of all weights at once",
    "optimizer step": "gradients and optimizer at once",
}
EVALUATION: dict[str, str] = {
    "loss": "the logits of an evaluation pass, in fp32",
    "block": "one block of the forward pass",
    "no evaluation": "what stays between two steps; nothing is evaluated",
}


def meaning(phase: Phase) -> str:
    """The fullest moment of a phase in words."""
    table = {"train step": TRAIN, "evaluation step": EVALUATION}.get(phase.name, {})
    return table.get(phase.peak_at, phase.peak_at)


def remedies(phase: Phase, job: Job) -> tuple[str, ...]:
    """Settings that make that moment smaller and are not used up, the gentlest first."""
    several = job.gpus > 1 and job.zero_stage < 3 and not job.base_bits
    open_to: dict[str, bool] = {
        "eval_batch": job.eval_batch > 1 and phase.name == "evaluation step",
        "micro_batch": job.micro_batch > 1 and phase.name == "train step",
        "liger_kernel": phase.peak_at == "loss" and _fusible(phase, job),
        "gradient_checkpointing": phase.peak_at == "block" and not job.gradient_checkpointing,
        "zero_stage": several and (job.full or phase.peak_at in ("end of backward", "load")),
        "an 8-bit optimizer": "8bit" not in job.optimizer and phase.peak_at == "optimizer step",
        "max_length": phase.peak_at in ("loss", "block"),
        "method": job.method != "qlora" and _states(phase) > phase.needed / 2,
        "a smaller model": phase.name == "load",
    }
    return tuple(name for name, open_ in open_to.items() if open_)


def _fusible(phase: Phase, job: Job) -> bool:
    return phase.name == "train step" and job.loss == "stock" and not job.preference


def _states(phase: Phase) -> float:
    """GiB that follow from how the weights are trained, not from the rows."""
    states = ("weights", "quantization", "reference", "adapter", "gradients", "optimizer")
    return sum(phase.parts.get(name, 0.0) for name in states)
