"""The hardware that a user asks about, laid over that of a recipe."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from ftc.errors import FtcError
from ftc.memory.cards import find
from ftc.recipe import Hardware, Recipe

_WORDS = {"gpu": "--gpu", "vram_gb": "--vram"}


def overlaid(recipe: Recipe, gpu: str | None = None, vram_gb: float | None = None) -> Recipe:
    """The recipe with another card or budget; FtcError on what a recipe could not say either.

    A card stands for all of its memory unless a budget is asked for too. A budget alone keeps the
    recipe's card, unless it is more than that card has.
    """
    if gpu is None and vram_gb is None:
        return recipe
    said = recipe.hardware
    asked: dict[str, Any] = {"device": "gpu", "gpu": gpu, "vram_gb": vram_gb}
    if gpu is not None:
        _named(gpu)
    elif said.gpu is not None and vram_gb is not None and vram_gb <= find(said.gpu).memory_gb:
        asked["gpu"] = said.gpu
    try:
        values = said.model_dump(exclude_unset=True) | asked
        hardware = Hardware.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        word = _WORDS.get(str(fault["loc"][0]), str(fault["loc"][0]))
        expected = fault["msg"].removeprefix("Input should be ")
        raise FtcError(
            f"{word}: is {fault['input']!r}; expected {expected}",
            hint="GiB of one card, such as --vram 24",
        ) from error
    return recipe.model_copy(update={"hardware": hardware})


def _named(gpu: str) -> None:
    """Says a fault of the name in the words of the command line."""
    try:
        find(gpu)
    except FtcError as error:
        text = str(error).replace("hardware.gpu:", "--gpu:")
        hint = error.hint.replace("hardware.vram_gb", "--vram").replace(
            "leave gpu out", "leave it out"
        )
        raise FtcError(text, hint=hint) from error
