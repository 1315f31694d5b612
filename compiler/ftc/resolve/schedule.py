"""Settles steps, warm-up, learning rate, evaluation and saving."""

from __future__ import annotations

from math import ceil, floor

from ftc.plan import Origin
from ftc.resolve.sheet import Sheet, with_text

LOG_LINES = 200  # log lines in a long run (judgment)


def settle_epochs(sheet: Sheet) -> None:
    """Passes over the data, before steps are known."""
    sheet.settle("epochs", _plain)


def settle(sheet: Sheet) -> None:
    """All that depends on the number of steps."""
    _steps(sheet)
    _warmup(sheet)
    for name in (
        "learning_rate",
        "lr_scheduler",
        "weight_decay",
        "max_grad_norm",
        "adam_beta1",
        "adam_beta2",
        "adam_epsilon",
    ):
        sheet.settle(name)
    sheet.fixed("min_lr_ratio", None, "the cosine falls to zero")
    sheet.fixed("neftune_alpha", None, "no noise")
    _loop(sheet)


def _steps(sheet: Sheet) -> None:
    values = sheet.values
    per_pass = values["micro_batch"] * values["gpus"]
    rows = _windows(sheet) if values["packing"] else values["train_rows"]
    per_epoch = max(1, ceil(ceil(rows / per_pass) / values["gradient_accumulation"]))
    total = max(1, ceil(values["epochs"] * per_epoch))
    said = sheet.recipe.training.max_steps
    text = f"{values['epochs']:g} epochs × {per_epoch} steps ({rows} rows)"
    if said is None:
        sheet.derived("max_steps", total, text)
        return
    sheet.put("max_steps", said, Origin("recipe", f"recipe: training.max_steps; else {text}"))
    if sheet.recipe.training.epochs is None:
        passes = round(said / per_epoch, 4)
        sheet.derived("epochs", _plain(passes), f"{said} steps / {per_epoch} steps per epoch")


def _windows(sheet: Sheet) -> int:
    """Packed windows, as if none had room left: a lower bound."""
    length = sheet.values["max_length"]
    totals = [total for total in sheet.facts.data.train.total if total <= length]
    windows: int = max(1, ceil(sum(totals) / length))
    return windows


def _warmup(sheet: Sheet) -> None:
    ratio = sheet.recipe.training.warmup_ratio
    steps = sheet.settle("warmup_steps", lambda value: floor(value + 0.5))
    if ratio is not None:
        whole = sheet.values["max_steps"]
        text = f"recipe: training.warmup_ratio: {ratio:g} of {whole} steps"
        steps = sheet.derived("warmup_steps", floor(ratio * whole + 0.5), text, kind="recipe")
    if steps != 1 or sheet.recipe.training.warmup_steps is not None:
        return
    value = 2 if sheet.values["max_steps"] >= 10 else 0
    text = f"{value}: one step of warm-up becomes two in Axolotl"
    sheet.put("warmup_steps", value, with_text(sheet.origins["warmup_steps"], text))


def _loop(sheet: Sheet) -> None:
    steps, held = sheet.values["max_steps"], sheet.values["eval_rows"]
    wanted = int(sheet.table_says("evaluations").value or 1)
    every = max(1, steps // wanted)
    if held:
        sheet.fixed("eval_steps", every, f"{wanted} evaluations in {steps} steps")
        _per_epoch(sheet, "eval_steps", "evals_per_epoch")
    else:
        sheet.derived("eval_steps", 0, "no rows are held out")
    save = sheet.values["eval_steps"] or every
    sheet.fixed("save_steps", save, "a checkpoint at each evaluation")
    _per_epoch(sheet, "save_steps", "saves_per_epoch")
    sheet.settle("save_total_limit", int)
    sheet.fixed("load_best", held > 0, "the checkpoint with the lowest evaluation loss is kept")
    sheet.fixed("logging_steps", max(1, steps // LOG_LINES), f"about {LOG_LINES} lines at most")


def _per_epoch(sheet: Sheet, name: str, share: str) -> None:
    """Steps by so many times an epoch, where the recipe says that; each time is a whole step."""
    if (times := getattr(sheet.recipe.training, share)) is not None:
        epoch = sheet.values["max_steps"] / sheet.values["epochs"]
        text = f"recipe: training.{share}: {times} in {epoch:g} steps"
        every = max(1, floor(epoch / times))
        if name == "save_steps" and (beside := sheet.values["eval_steps"]):
            every = max(1, floor(every / beside + 0.5)) * beside
            text += ", at an evaluation"
        sheet.derived(name, every, text, kind="recipe")


def _plain(value: float) -> float:
    return int(value) if value == int(value) else value
