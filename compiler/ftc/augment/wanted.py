"""What a recipe asks of `ftc augment`, before anything is asked of a model."""

from __future__ import annotations

from ftc.augmentation import Augment
from ftc.errors import FtcError
from ftc.recipe import Recipe


def wanted(recipe: Recipe, limit: int | None = None) -> Augment:
    """Its settings; for a try with so many seeds of each kind the judge looks at no more other rows
    than at made ones. FtcError for a judge that would find nothing to score."""
    settings = recipe.augmentation
    assert settings is not None
    judge = settings.judge
    if judge is None:
        return settings
    if recipe.stage == "pretrain":
        raise FtcError(
            "[augment.judge] scores answers, and rows of stage pretrain have none",
            hint="take [augment.judge] out",
        )
    if limit is None:
        return settings
    most = limit * len(settings.make)
    fewer = {
        "human_rows": min(judge.human_rows, most),
        "agreement_rows": min(judge.agreement_rows, most),
    }
    return settings.model_copy(update={"judge": judge.model_copy(update=fewer)})
