"""Settings that the chosen method or stage never reads."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.rules.case import Case, Fault


def dead_key(case: Case) -> Iterator[Fault]:
    """A key of the recipe has no effect.

    `[lora]` with full fine-tuning is an error: what was meant as an adapter would train the whole
    model, at an adapter's learning rate. The others are warnings.

    Source: axolotl#1095; LLaMA-Factory checks four of the LoRA keys only.
    """
    recipe, plan = case.recipe, case.plan
    if plan.method == "full":
        for key in _given(recipe.lora):
            text = f"{key} is set, but the method is full fine-tuning"
            yield Fault(f"lora.{key}", text, "set method = 'lora', or remove the key", "error")
    if plan.method == "lora" and recipe.lora.bits is not None:
        text = f"bits = {recipe.lora.bits} is set, but the base is not quantised with plain LoRA"
        yield Fault("lora.bits", text, "set method = 'qlora'", "error")
    for key in _given(recipe.preference):
        if not case.preference:
            text = f"{key} is set, but the stage is {plan.stage}"
            yield Fault(f"preference.{key}", text, "remove the key, or set stage = 'dpo'")
        elif key.endswith("_weight") and plan.stage != "kto":
            text = f"{key} is read in kto only, not in {plan.stage}"
            yield Fault(f"preference.{key}", text, "remove the key")
        elif key == "loss" and plan.stage != "dpo":
            text = f"loss is read in dpo only, not in {plan.stage}"
            yield Fault("preference.loss", text, "remove the key")
    if plan.lr_scheduler == "constant" and recipe.training.warmup_steps:
        text = "the constant schedule has no warm-up"
        remedy = "set lr_scheduler = 'constant_with_warmup'"
        yield Fault("training.warmup_steps", text, remedy)
    if plan.lr_scheduler != "cosine" and recipe.training.min_lr_ratio is not None:
        text = f"min_lr_ratio is the floor of the cosine, not of {plan.lr_scheduler}"
        yield Fault("training.min_lr_ratio", text, "set lr_scheduler = 'cosine'")
    if recipe.data.format != "columns" and recipe.data.columns:
        text = f"columns is read with format = 'columns' only, not with {recipe.data.format}"
        yield Fault("data.columns", text, "set data.format = 'columns'")
    if recipe.data.eval_path and "eval" in recipe.data.model_fields_set:
        text = "eval_path is given, so that no share is held out"
        yield Fault("data.eval", text, "remove data.eval or data.eval_path")


def _given(part: object) -> list[str]:
    """The keys of a recipe table that the recipe itself sets."""
    fields: set[str] = getattr(part, "model_fields_set", set())
    return sorted(key for key in fields if getattr(part, key) is not None)
