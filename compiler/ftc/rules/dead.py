"""Settings that the chosen method or stage never reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ftc.rules.case import Case, Fault

KTO_ONLY = ("desirable_weight", "undesirable_weight")


class Dead(NamedTuple):
    """A recipe key that has no effect when `applies` holds."""

    key: str
    applies: Callable[[Case], bool]
    why: str
    remedy: str


DEAD: tuple[Dead, ...] = (
    *(
        Dead(
            f"preference.{key}",
            lambda case: case.preference and case.plan.stage != "kto",
            "it is read in kto only",
            "remove the key",
        )
        for key in KTO_ONLY
    ),
    Dead(
        "preference.loss",
        lambda case: case.preference and case.plan.stage != "dpo",
        "it is read in dpo only",
        "remove the key",
    ),
    *(
        Dead(
            f"preference.{key}",
            lambda case: not case.preference,
            "the stage is no preference training",
            "remove the key, or set stage = 'dpo'",
        )
        for key in ("beta", "loss", *KTO_ONLY)
    ),
    Dead(
        "training.warmup_steps",
        lambda case: case.plan.lr_scheduler == "constant",
        "the constant schedule has no warm-up",
        "set lr_scheduler = 'constant_with_warmup'",
    ),
    Dead(
        "training.min_lr_ratio",
        lambda case: case.plan.lr_scheduler != "cosine",
        "it is the floor of the cosine schedule",
        "set lr_scheduler = 'cosine'",
    ),
    *(
        Dead(
            f"hardware.{key}",
            lambda case: case.plan.device == "cpu",
            "the device is the CPU",
            "remove the key, or set device = 'gpu'",
        )
        for key in ("gpu", "vram_gb")
    ),
    Dead(
        "data.columns",
        lambda case: case.recipe.data.format != "columns",
        "it is read with format = 'columns' only",
        "set data.format = 'columns'",
    ),
    Dead(
        "data.eval",
        lambda case: case.recipe.data.eval_path is not None,
        "eval_path is given, so that no share is held out",
        "remove data.eval or data.eval_path",
    ),
)


def dead_key(case: Case) -> Iterator[Fault]:
    """A key of the recipe has no effect.

    `[lora]` with full fine-tuning is an error: what was meant as an adapter would train the whole
    model, at an adapter's learning rate. So is `bits` without qlora, where the base would not be
    quantised. The others are warnings.

    Source: axolotl#1095; LLaMA-Factory checks four of the LoRA keys only.
    """
    if case.plan.method == "full":
        for key in sorted(case.recipe.lora.model_fields_set):
            if _given(case, f"lora.{key}"):
                text = f"lora.{key} is set, but the method is full fine-tuning"
                yield Fault(f"lora.{key}", text, "set method = 'lora', or remove the key", "error")
    if case.plan.method == "lora" and _given(case, "lora.bits"):
        text = "lora.bits is set, but plain LoRA does not quantise the base"
        yield Fault("lora.bits", text, "set method = 'qlora'", "error")
    for dead in DEAD:
        if _given(case, dead.key) and dead.applies(case):
            yield Fault(dead.key, f"{dead.key} has no effect: {dead.why}", dead.remedy)


def _given(case: Case, dotted: str) -> bool:
    """Whether the recipe itself sets the key, to something that would do something."""
    table, _, key = dotted.partition(".")
    part = getattr(case.recipe, table)
    return key in part.model_fields_set and getattr(part, key) not in (None, False, 0)
