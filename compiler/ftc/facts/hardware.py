"""Facts about the hardware: the card that the recipe names, or the budget that it gives."""

from __future__ import annotations

from ftc import recipe
from ftc.facts.records import Hardware
from ftc.memory.cards import Card, find


def gather(hardware: recipe.Hardware) -> Hardware:
    """The hardware of a recipe; FtcError when `gpu` names no card, or several.

    `vram_gb` below the card's memory is a budget and wins; above it the card's memory stands and
    `source` says so. Without a card bf16 is assumed and FlashAttention is not. With neither card
    nor budget `vram_gb` is None.
    """
    if hardware.device == "cpu":
        return Hardware("cpu", "", None, hardware.gpus, False, False, None, "recipe: device = cpu")
    if hardware.gpu is None:
        return _unnamed(hardware)
    card = find(hardware.gpu)
    memory, source = _memory(card, hardware.vram_gb)
    return Hardware(
        device="gpu",
        name=card.name,
        vram_gb=memory,
        gpus=hardware.gpus,
        bf16=card.bf16,
        flash_attention=card.flash,
        capability=card.capability,
        source=source,
    )


def _unnamed(hardware: recipe.Hardware) -> Hardware:
    budget = hardware.vram_gb
    given = "no card and no budget given" if budget is None else f"recipe: vram_gb = {budget:g}"
    source = f"{given}; bf16 assumed, FlashAttention not"
    return Hardware("gpu", "", budget, hardware.gpus, True, False, None, source)


def _memory(card: Card, budget: float | None) -> tuple[float, str]:
    """GiB to plan for, and where the figure comes from."""
    has = f"{card.name}, {card.memory_gb} GB ({card.source})"
    if card.gib != card.memory_gb:
        has += f", of which the driver lists {card.gib:.1f} GiB"
    if budget is None:
        return card.gib, has
    if budget <= card.gib:
        return budget, f"recipe: vram_gb = {budget:g}, a budget below {has}"
    if budget <= card.memory_gb:
        return card.gib, f"recipe: vram_gb = {budget:g}; {has}"
    return card.gib, f"recipe: vram_gb = {budget:g} is more than the card has: {has}"
