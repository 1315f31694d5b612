"""Rules that other tools and pages give for the memory of fine-tuning, as formulas over one row.

They stand here because their packages need torch, or because they are a table in a README. Each
takes the exact parameter count, and answers in GiB, or says why it does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

GIB = 2**30
Answer = float | str  # GiB, or the reason for none


class Rule(NamedTuple):
    """A rule with where it is from and how it is used."""

    name: str
    source: str
    asked: str
    answer: Callable[[dict[str, Any]], Answer]


def hf_vram_calc(row: dict[str, Any]) -> Answer:
    """Its `training_memory` for full fine-tuning, its `lora_memory` else; int4 for NF4."""
    if row["gpus"] > 1:
        return "knows tensor parallelism only"
    weights = row["parameters"] * (0.5 if row["bits"] == 4 else 2) / GIB
    if row["method"] == "full":
        return weights * 4.0 * 1.3
    adapter = row["parameters"] * 0.25 * (2 * row["rank"] / 4096)
    return (weights + adapter / 1e9 * 2 * 4.0) * 1.2


def accelerate(row: dict[str, Any]) -> Answer:
    """Largest of model, gradients, optimizer and step in bf16: 8 B a weight."""
    if row["method"] != "full":
        return "knows full training only"
    if row["gpus"] > 1:
        return "knows one card only"
    return 8 * row["parameters"] / GIB


def deepspeed(row: dict[str, Any]) -> Answer:
    """Model states of ZeRO 2 and 3 without offloading; the largest layer is the embedding."""
    if row["method"] != "full":
        return "knows full training only"
    if row["zero_stage"] not in (2, 3):
        return "knows ZeRO 2 and 3 only"
    shared = 18 * row["parameters"] / row["gpus"]
    kept = 4 * row["vocab"] * row["hidden"] if row["zero_stage"] == 3 else 2 * row["parameters"]
    return (kept + shared) / GIB


def llama_factory(row: dict[str, Any]) -> Answer:
    """GB by the size of the model: full in pure bf16 8 x, LoRA 2 x, 8 bit 1 x, 4 bit x / 2."""
    if row["gpus"] > 1:
        return "knows one card only"
    factor = {"full": 18 if row["master"] == "fp32" else 8, "lora": 2, "qlora": 0.5}[row["method"]]
    return factor * row["parameters"] / GIB


RULES = (
    Rule(
        "hf-vram-calc 1.0.9",
        "calculator.py, calculate_training_memory and calculate_lora_memory",
        "rank and type of the base; it does not ask for length or batch in these figures",
        hf_vram_calc,
    ),
    Rule(
        "accelerate estimate-memory 1.15",
        "commands/estimate.py, estimate_training_usage",
        "bfloat16; it knows batches of one and no activations",
        accelerate,
    ),
    Rule(
        "DeepSpeed estimate_zero*_model_states 0.18.4",
        "runtime/zero/stage3.py and stage_1_and_2.py",
        "number of cards; model states only, as it says",
        deepspeed,
    ),
    Rule(
        "LLaMA-Factory README, hardware requirement",
        "the general column of its table",
        "method, bits and size of the model",
        llama_factory,
    ),
)
