"""Settles the batch: rows per step, rows per card and pass, accumulation, ZeRO."""

from __future__ import annotations

from ftc.memory.formula import estimate
from ftc.plan import Origin
from ftc.resolve.memory import job
from ftc.resolve.sheet import Sheet, shown


def settle(sheet: Sheet) -> None:
    """effective batch = micro-batch × accumulation × cards; the recipe's words stand."""
    said = sheet.recipe.training
    _zero(sheet)
    if said.micro_batch and said.gradient_accumulation and not said.effective_batch:
        _from_parts(sheet, said.micro_batch, said.gradient_accumulation)
        return
    _effective(sheet)
    gpus, effective = sheet.values["gpus"], sheet.values["effective_batch"]
    per_card = max(1, effective // gpus)
    if said.micro_batch:
        sheet.fixed("micro_batch", said.micro_batch, "")
    elif said.gradient_accumulation:
        micro = max(1, per_card // said.gradient_accumulation)
        sheet.derived("micro_batch", micro, f"{effective} rows per step over the accumulation")
    else:
        _fitting(sheet, per_card)
    if said.gradient_accumulation:
        sheet.fixed("gradient_accumulation", said.gradient_accumulation, "")
    else:
        accumulation = max(1, per_card // sheet.values["micro_batch"])
        text = f"{effective} rows per step / (micro-batch × {gpus} cards)"
        sheet.derived("gradient_accumulation", accumulation, text)


def _from_parts(sheet: Sheet, micro: int, accumulation: int) -> None:
    sheet.fixed("micro_batch", micro, "")
    sheet.fixed("gradient_accumulation", accumulation, "")
    text = "micro-batch × accumulation × cards, both set in the recipe"
    sheet.derived("effective_batch", micro * accumulation * sheet.values["gpus"], text)


def _effective(sheet: Sheet) -> None:
    sheet.settle("effective_batch", _power_of_two)
    gpus, value = sheet.values["gpus"], sheet.values["effective_batch"]
    if sheet.recipe.training.effective_batch is None and value % gpus:
        rounded = -(-value // gpus) * gpus
        origin = sheet.origins["effective_batch"]
        text = f"{origin.text}; rounded up from {value} to a multiple of {gpus} cards"
        sheet.put("effective_batch", rounded, Origin(origin.kind, text, (*origin.steps, text)))


def _power_of_two(value: float) -> int:
    """The next power of two below: it divides into micro-batches."""
    return 1 << (max(1, int(value)).bit_length() - 1)


def _fitting(sheet: Sheet, per_card: int) -> None:
    """The largest divisor of the rows per card and step that the table allows and that fits."""
    shape, budget = sheet.facts.model.shape, sheet.facts.hardware.vram_gb
    sizes = [size for size in range(per_card, 0, -1) if per_card % size == 0]
    allowed, bit = sheet.bounded("micro_batch", per_card)
    limits = "".join(f"; {limit.effect}" for limit in bit)
    sizes = [size for size in sizes if size <= allowed]
    if sheet.facts.hardware.device == "cpu" or shape is None or budget is None:
        unknown = sheet.facts.hardware.device == "gpu"
        value = 1 if unknown else sizes[0]
        why = "memory budget or model shape unknown: the smallest" if unknown else "on CPU"
        sheet.derived("micro_batch", value, f"{why}{limits}", kind="budget")
        return
    needs = {
        size: estimate(
            shape,
            job(
                sheet,
                max_length=sheet.values["max_length"],
                micro_batch=size,
                accumulation=per_card // size,
            ),
        ).needed
        for size in sizes
    }
    fitting = [size for size in sizes if needs[size] <= budget]
    value = fitting[0] if fitting else 1
    steps = tuple(f"micro-batch {size} needs {need:.1f} GiB" for size, need in needs.items())
    verb = "fits" if fitting else "does not fit"
    text = f"needs {needs[value]:.1f} GiB, {verb} into {shown(float(budget))} GiB{limits}"
    sheet.put("micro_batch", value, Origin("budget", text, steps=steps))


def _zero(sheet: Sheet) -> None:
    """ZeRO only where several cards train all weights: the lowest stage that fits one row."""
    shape, budget = sheet.facts.model.shape, sheet.facts.hardware.vram_gb
    several = sheet.values["gpus"] > 1 and sheet.values["method"] == "full"
    sheet.fixed("zero_stage", 0, "nothing to shard: one card, or only an adapter is trained")
    if sheet.recipe.training.zero_stage is not None or not several or not shape or not budget:
        return
    for stage in (0, 1, 2, 3):
        sheet.values["zero_stage"] = stage
        length = sheet.values["max_length"]
        need = estimate(shape, job(sheet, max_length=length, micro_batch=1, accumulation=2)).needed
        if need <= budget:
            break
    sheet.derived("zero_stage", stage, f"one row needs {need:.1f} GiB per card", kind="budget")
