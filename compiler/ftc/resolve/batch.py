"""Settles the batch: rows per step, and how often rows are collected before one.

effective batch = micro-batch × accumulation × cards; the recipe's words stand. The micro-batch
itself is chosen in `fit`.
"""

from __future__ import annotations

from ftc.plan import Origin
from ftc.resolve.sheet import Sheet


def settle_effective(sheet: Sheet) -> None:
    """Rows per optimizer step over all cards."""
    said = sheet.recipe.training
    gpus = sheet.values["gpus"]
    if said.micro_batch and said.gradient_accumulation and not said.effective_batch:
        rows = said.micro_batch * said.gradient_accumulation * gpus
        text = "micro-batch × accumulation × cards, both set in the recipe"
        sheet.derived("effective_batch", rows, text)
        return
    sheet.settle("effective_batch", _power_of_two)
    value = sheet.values["effective_batch"]
    if said.effective_batch is None and value % gpus:
        rounded = -(-value // gpus) * gpus
        origin = sheet.origins["effective_batch"]
        text = f"{origin.text}; rounded up from {value} to a multiple of {gpus} cards"
        sheet.put("effective_batch", rounded, Origin(origin.kind, text, (*origin.steps, text)))


def settle_accumulation(sheet: Sheet) -> None:
    """Passes per optimizer step, once the micro-batch is known."""
    if sheet.recipe.training.gradient_accumulation:
        sheet.fixed("gradient_accumulation", 1, "")
        return
    passes = max(1, rows_per_card(sheet) // sheet.values["micro_batch"])
    effective, gpus = sheet.values["effective_batch"], sheet.values["gpus"]
    text = f"{effective} rows per step / (micro-batch × {gpus} cards)"
    sheet.derived("gradient_accumulation", passes, text)


def rows_per_card(sheet: Sheet) -> int:
    """Rows that each card sees in one optimizer step."""
    rows: int = max(1, sheet.values["effective_batch"] // sheet.values["gpus"])
    return rows


def _power_of_two(value: float) -> int:
    """The next power of two below: it divides into micro-batches."""
    return 1 << (max(1, int(value)).bit_length() - 1)
