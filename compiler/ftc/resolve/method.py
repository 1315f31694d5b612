"""Settles how the weights are trained: method, quantisation, adapter, precision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ftc.memory.formula import estimate
from ftc.plan import Origin
from ftc.resolve.length import wanted
from ftc.resolve.memory import job
from ftc.resolve.sheet import Sheet, with_text

ALL_LINEAR = "all-linear"
_ADAPTER = (
    "lora_rank",
    "lora_alpha",
    "lora_dropout",
    "lora_targets",
    "lora_modules_to_save",
    "loraplus_lr_ratio",
)


def settle(sheet: Sheet) -> None:
    """Precision first, since it decides what fits; then the method and its adapter."""
    _precision(sheet)
    _method(sheet)
    if sheet.values["method"] == "full":
        _no_adapter(sheet)
    else:
        _adapter(sheet)


def _precision(sheet: Sheet) -> None:
    hardware = sheet.facts.hardware
    if hardware.device == "cpu":
        dtype, why = "fp32", "a CPU trains in fp32"
    elif hardware.bf16:
        dtype, why = "bf16", f"{hardware.name or 'a recent card (assumed)'} computes in bf16"
    else:
        dtype, why = "fp16", f"{hardware.name} has no bf16"
    sheet.fixed("dtype", dtype, why)
    for name in ("tf32", "attention", "gradient_checkpointing", "optimizer"):
        sheet.settle(name)
    sheet.fixed("offload_optimizer", False, "the optimizer stays on the card")


def _method(sheet: Sheet) -> None:
    said = sheet.recipe.method
    if said != "auto":
        sheet.derived("method", said, "recipe: method", kind="recipe")
        _quantisation(sheet)
        return
    decision = sheet.table_says("method", lambda choices: _first_fitting(sheet, choices))
    if decision.value is None:
        decision = sheet.table_says("method", lambda choices: choices[-1])
        origin = with_text(decision.origin, "nothing fits the budget; this needs least")
        decision = decision._replace(origin=origin)
    sheet.put("method", decision.value, decision.origin)
    _quantisation(sheet)


def _quantisation(sheet: Sheet) -> None:
    if sheet.values["method"] == "qlora":
        sheet.settle("quant_bits", int)
    else:
        sheet.derived("quant_bits", sheet.recipe.lora.bits or 0, "only qlora quantises the base")


def _first_fitting(sheet: Sheet, choices: Sequence[Any]) -> Any:
    """The first method whose smallest batch fits; without a budget or a shape, the first."""
    shape, budget = sheet.facts.model.shape, sheet.facts.hardware.vram_gb
    if shape is None or budget is None:
        return choices[0]
    for method in choices:
        trial = Sheet(sheet.recipe, sheet.facts, sheet.table, dict(sheet.known))
        trial.values.update(sheet.values)
        trial.put("method", method, Origin("derived", "trial"))
        _quantisation(trial)
        _adapter(trial)
        tried = job(trial, max_length=wanted(trial), micro_batch=1, accumulation=2)
        if estimate(shape, tried).needed <= budget:
            return method
    return None


def _adapter(sheet: Sheet) -> None:
    sheet.settle("lora_rank", int)
    sheet.settle("lora_alpha", _number)
    sheet.settle("lora_dropout", float)
    sheet.settle("lora_targets", lambda value: value)
    targets = sheet.values["lora_targets"]
    if targets in (ALL_LINEAR, (ALL_LINEAR,)):
        modules = sheet.facts.model.linear_modules
        origin = with_text(sheet.origins["lora_targets"], "all linear layers of a block")
        sheet.put("lora_targets", modules, origin)
    sheet.fixed("lora_modules_to_save", (), "no module is trained in full")
    sheet.fixed("lora_dora", False, "plain LoRA: variants gain 1-2 % (arXiv 2602.04998)")
    sheet.fixed("lora_rslora", False, "scale alpha / rank")
    sheet.fixed("loraplus_lr_ratio", None, "one learning rate for both matrices")


def _no_adapter(sheet: Sheet) -> None:
    for name in _ADAPTER:
        empty = () if name in ("lora_targets", "lora_modules_to_save") else None
        sheet.derived(name, empty, "full fine-tuning has no adapter")
    sheet.derived("lora_dora", False, "full fine-tuning has no adapter")
    sheet.derived("lora_rslora", False, "full fine-tuning has no adapter")


def _number(value: float) -> float:
    return int(value) if value == int(value) else value
