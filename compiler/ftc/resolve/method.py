"""Settles how the weights are trained: method, quantisation, adapter, precision."""

from __future__ import annotations

from dataclasses import replace

from ftc.factors.decide import offered
from ftc.factors.table import Table
from ftc.facts.records import Facts
from ftc.recipe import Recipe
from ftc.resolve.sheet import Sheet, open_sheet, with_text

ALL_LINEAR = "all-linear"
_ADAPTER = (
    "lora_rank",
    "lora_alpha",
    "lora_dropout",
    "lora_targets",
    "lora_modules_to_save",
    "loraplus_lr_ratio",
)


def choices(recipe: Recipe, facts: Facts, table: Table) -> list[str]:
    """The methods to try, in the table's order; the recipe's own when it names one."""
    if recipe.method != "auto":
        return [recipe.method]
    known = open_sheet(recipe, facts, table).known
    return offered(table, "method", known, recipe.factors.prefer)


def settle(sheet: Sheet, name: str, tried: list[str]) -> None:
    """Precision first, then the method and its adapter; `tried` are methods that did not fit."""
    _precision(sheet)
    if sheet.recipe.method != "auto":
        sheet.derived("method", name, "recipe: method", kind="recipe")
    else:
        origin = sheet.table_says("method", lambda found: name).origin
        sheet.put("method", name, replace(origin, steps=(*origin.steps, *tried)))
    if name == "qlora":
        sheet.settle("quant_bits", int)
    else:
        sheet.derived("quant_bits", sheet.recipe.lora.bits or 0, "only qlora quantises the base")
    if name == "full":
        _no_adapter(sheet)
    else:
        _adapter(sheet)


def settle_verdict(sheet: Sheet, fits: bool) -> None:
    """Says with the method when nothing fits."""
    if sheet.recipe.method == "auto" and not fits:
        text = "nothing fits the budget; this needs least"
        sheet.origins["method"] = with_text(sheet.origins["method"], text)


def _precision(sheet: Sheet) -> None:
    hardware = sheet.facts.hardware
    if hardware.device == "cpu":
        dtype, why = "fp32", "a CPU trains in fp32"
    elif hardware.bf16:
        dtype, why = "bf16", f"{hardware.name or 'a recent card (assumed)'} computes in bf16"
    else:
        dtype, why = "fp16", f"{hardware.name} has no bf16"
    sheet.fixed("dtype", dtype, why)
    for name in ("tf32", "attention"):
        sheet.settle(name)
    sheet.fixed("offload_optimizer", False, "the optimizer stays on the card")


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
