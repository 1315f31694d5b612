"""What it means that a moment is the fullest of its phase, and what would make it smaller."""

from __future__ import annotations

from ftc.memory.phases import Phase

TRAIN: dict[str, tuple[str, str]] = {
    "loss": (
        "the logits and their gradients, when backward starts",
        "training.liger_kernel, fewer tokens a pass (micro_batch, max_length)",
    ),
    "block": (
        "backward of one block, on top of what all blocks keep",
        "fewer tokens a pass (micro_batch, max_length), gradient_checkpointing",
    ),
    "end of backward": (
        "the gradients of all weights at once",
        "a LoRA method, zero_stage on several cards",
    ),
    "optimizer step": (
        "gradients and optimizer at once",
        "an 8-bit optimizer, a smaller rank, zero_stage on several cards",
    ),
}
EVALUATION: dict[str, tuple[str, str]] = {
    "loss": ("the logits of an evaluation pass, in fp32", "a smaller eval_batch"),
    "block": ("one block of the forward pass", "a smaller eval_batch"),
    "no evaluation": ("what stays between two steps; nothing is evaluated", ""),
}
LOAD = "a smaller model, or fewer bits (method, lora.bits)"


def meaning(phase: Phase) -> str:
    """The fullest moment of a phase in words."""
    table = {"train step": TRAIN, "evaluation step": EVALUATION}.get(phase.name, {})
    return table.get(phase.peak_at, (phase.peak_at, ""))[0]


def remedy(phase: Phase) -> str:
    """What makes that moment smaller, "" when nothing does."""
    if phase.name == "load":
        return LOAD
    table = TRAIN if phase.name == "train step" else EVALUATION
    return table.get(phase.peak_at, ("", ""))[1]
