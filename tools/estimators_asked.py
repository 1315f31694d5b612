"""Asks other estimators about rows; runs in their environment: QUESTIONS.json ANSWERS.json.

Each is called through its public functions, as its README does. What it cannot be told about a
row, or refuses, is the answer then.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from canifinetune.estimator.formulas import CLASSIC_MLP_FAMILIES, TARGET_MODULES_BY_FAMILY
from canifinetune.estimator.memory import EstimateRequest
from canifinetune.estimator.memory import estimate as canifinetune_estimate
from fitscout.memory.estimator import estimate_memory
from fitscout.model.profile import ModelProfile
from llm_analysis.analysis import train

ATTENTION = {"q_proj", "k_proj", "v_proj", "o_proj"}
MLP = {"gate_proj", "up_proj", "down_proj"}
OPTIMIZERS = {"adamw_bnb_8bit": "adamw_8bit"}  # the others have the same name


class Cannot(Exception):
    """Why an estimator has no answer."""


def _one_card(row: dict[str, Any]) -> None:
    if row["gpus"] > 1 or row["zero_stage"]:
        raise Cannot("knows one card without ZeRO only")


def _scope(row: dict[str, Any]) -> str:
    names = set(row["targets"])
    if names == {"q_proj", "v_proj"}:
        return "conservative"
    if names == ATTENTION:
        return "attention"
    if names >= ATTENTION | {"up_proj", "down_proj"} and names <= ATTENTION | MLP:
        return "all_linear"
    raise Cannot("knows three sets of LoRA targets, not this one")


def canifinetune(row: dict[str, Any]) -> float:
    """Its components against allocated, everything but the safety margin against the rest: so its
    docs compare (rtx4080_baselines.md, validation-0.4.0.md). `gpu_vram_gb`: the card's size."""
    _one_card(row)
    if row["dora"] or row["modules_to_save"]:
        raise Cannot("knows neither DoRA nor modules that are saved whole")
    family = row["model_type"]
    if family not in TARGET_MODULES_BY_FAMILY and row["method"] != "full":
        family = "phi" if family in CLASSIC_MLP_FAMILIES else "llama"  # its nearest table
    full = row["method"] == "full"
    request = EstimateRequest(
        model_id=row["model"],
        use_network=False,
        override={
            "family": family,
            "total_params": row["parameters"],
            "hidden_size": row["hidden"],
            "num_hidden_layers": row["layers"],
            "num_attention_heads": row["heads"],
            "num_key_value_heads": row["kv_heads"],
            "intermediate_size": row["intermediate"],
            "vocab_size": row["vocab"],
            "tie_word_embeddings": row["tied"],
            "num_local_experts": row["experts"] or 1,
            "num_experts_per_tok": row["experts_per_token"] or 1,
        },
        gpu_vram_gb=row["card"],
        method=row["method"],
        seq_len=row["max_length"],
        micro_batch_size=row["micro_batch"],
        gradient_accumulation_steps=row["gradient_accumulation"],
        base_dtype=row["dtype"],
        quantization="nf4_double_quant" if row["double_quant"] else "nf4",
        lora_rank=row["rank"] or 16,
        lora_dropout=row["dropout"],
        lora_target_scope="attention" if full else _scope(row),
        optimizer=OPTIMIZERS.get(row["optimizer"], row["optimizer"]),
        gradient_checkpointing=row["gradient_checkpointing"],
        attention_implementation=row["attention"],
        loss_backend="liger" if row["loss"] == "fused" else "stock",
    )
    memory = canifinetune_estimate(request).memory
    spare = memory.safety_margin_gb
    if row["metric"] == "allocated":
        spare += memory.cuda_overhead_gb
    return float(memory.total_estimated_gb - spare)


def fitscout(row: dict[str, Any]) -> float:
    """`estimate_memory`; its calibration compares the total with max_memory_allocated."""
    _one_card(row)
    profile = ModelProfile(
        params=row["parameters"],
        num_layers=row["layers"],
        hidden_size=row["hidden"],
        num_attention_heads=row["heads"],
        num_kv_heads=row["kv_heads"],
        intermediate_size=row["intermediate"],
        vocab_size=row["vocab"],
        tie_word_embeddings=row["tied"],
        num_experts=row["experts"] or 1,
    )
    found = estimate_memory(
        profile,
        method=row["method"],
        micro_batch=row["micro_batch"],
        seq_len=row["max_length"],
        grad_ckpt=row["gradient_checkpointing"],
        opt_8bit="8bit" in row["optimizer"],
        lora_rank=row["rank"] or 16,
    )
    return float(found.total_gb)


def _trained(**settings: Any) -> dict[str, Any]:
    try:
        return dict(train(**settings))
    except AssertionError as error:
        if "max_batch_size_per_gpu" in str(error):
            raise Cannot("refuses what is more than an 80 GB card, by its own count") from error
        raise


def llm_analysis(row: dict[str, Any]) -> float:
    """`train`: weights, gradients, optimizer and activations of Megatron-style training."""
    if row["method"] != "full":
        raise Cannot("knows full training only")
    config = {
        "name": row["model"],
        "num_layers": row["layers"],
        "n_head": row["heads"],
        "hidden_dim": row["hidden"],
        "vocab_size": row["vocab"],
        "max_seq_len": row["max_length"],
        "num_key_value_heads": row["kv_heads"],
        "ffn_embed_dim": row["intermediate"],
        "expansion_ratio": row["intermediate"] / row["hidden"],
        "model_type": row["model_type"],
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        found = _trained(
            model_name=file.name,
            gpu_name="a100-sxm-80gb",
            dtype_name="w16a16e16",
            log_level="ERROR",
            batch_size_per_gpu=row["micro_batch"],
            gradient_accumulation_steps=row["gradient_accumulation"],
            seq_len=row["max_length"],
            activation_recomputation=2 if row["gradient_checkpointing"] else 0,
            ds_zero=row["zero_stage"],
            dp_size=row["gpus"],
            mlp_gated_linear_units=row["mlp"] == "gated",
        )
    return float(found["(weight+op_state+grad+act)_memory_per_gpu"]) / 2**30


ASKED: dict[str, Callable[[dict[str, Any]], float]] = {
    "canifinetune": canifinetune,
    "fitscout": fitscout,
    "llm-analysis": llm_analysis,
}


def main(questions: Path, answers: Path) -> None:
    """Ask every estimator about every row; an error that it raises is its answer."""
    logging.disable(logging.CRITICAL)
    rows = json.loads(questions.read_text("utf-8"))
    found: dict[str, dict[str, float | str]] = {}
    for name, ask in ASKED.items():
        made = found.setdefault(f"{name} {version(name)}", {})
        for row in rows:
            try:
                made[row["id"]] = round(ask(row), 4)
            except Cannot as reason:
                made[row["id"]] = str(reason)
            except (ValueError, TypeError, AssertionError, ZeroDivisionError) as error:
                made[row["id"]] = f"{type(error).__name__}: {error}".splitlines()[0][:160]
    answers.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
