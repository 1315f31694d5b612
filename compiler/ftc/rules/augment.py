"""Faults of [augment]: rows that models make."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.rules.case import Case, Fault


def judge_is_maker(case: Case) -> Iterator[Fault]:
    """The judge of made rows is the model that made them.

    Models score their own text higher than people do, so that the threshold lets through what it is
    there to keep out. It is the same model by its name, wherever it is served; without
    [augment.models] the small model of ftc judges itself.

    Source: Panickssery et al. 2024, arXiv 2404.13076; Spiliopoulou et al. 2025, arXiv 2508.06709
    (some models do, and favour their family too).
    """
    augment = case.recipe.augmentation
    if augment and (text := augment.judges_itself()):
        yield Fault("augment.judge.model", text, "name another model there, a better one")
