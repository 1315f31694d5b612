"""Resolves a recipe into a plan. Pure: the same recipe, facts and table give the same plan."""

from __future__ import annotations

from ftc.factors.table import Table
from ftc.facts.records import Facts, maker
from ftc.plan import Plan
from ftc.recipe import Recipe
from ftc.resolve import batch, fit, length, method, schedule
from ftc.resolve.sheet import Sheet, open_sheet


def resolve(recipe: Recipe, facts: Facts, table: Table) -> Plan:
    """Fill in every setting of `recipe` from the facts and the factor table.

    With `method = "auto"` the first method of the table that fits the budget is taken, and when
    none does the last one.
    """
    tried: list[str] = []
    for name in method.choices(recipe, facts, table):
        sheet = open_sheet(recipe, facts, table)
        fitted = _worked_out(sheet, name, tried)
        if fitted.fits:
            break
        tried.append(f"{name} needs {fitted.needed:.1f} GiB at least")
    return Plan(**sheet.values, origins=dict(sheet.origins))


def _worked_out(sheet: Sheet, name: str, tried: list[str]) -> fit.Fitted:
    """Every setting, for one method; what of it was chosen to fit."""
    _given(sheet)
    method.settle(sheet, name, tried)
    length.settle(sheet)
    schedule.settle_epochs(sheet)
    batch.settle_effective(sheet)
    fitted = fit.settle(sheet)
    batch.settle_accumulation(sheet)
    schedule.settle(sheet)
    _preference(sheet)
    method.settle_verdict(sheet, fitted.fits)
    return fitted


def _given(sheet: Sheet) -> None:
    """What the recipe and the facts say outright."""
    recipe, model, hardware = sheet.recipe, sheet.facts.model, sheet.facts.hardware
    sheet.derived("name", recipe.name, "recipe: name", kind="recipe")
    for name in ("stage", "task"):
        given = name in recipe.model_fields_set
        text = f"recipe: {name}" if given else "default of the recipe language"
        sheet.derived(name, getattr(recipe, name), text, kind="recipe" if given else "fixed")
    _tokens(sheet)
    sheet.derived("model", model.id, model.source, kind="fact")
    sheet.derived("model_revision", model.revision, "recipe: model.revision", kind="recipe")
    sheet.derived("model_type", model.shape.model_type if model.shape else "", model.source)
    family = model.family
    sheet.derived("family", family.name if family else "", "the model's chat template", kind="fact")
    sheet.derived(
        "turn_end", family.turn_end if family else "", "the model's chat template", kind="fact"
    )
    _template(sheet)
    sheet.derived("device", hardware.device, "recipe: hardware.device", kind="recipe")
    sheet.derived("gpus", hardware.gpus, "recipe: hardware.gpus", kind="recipe")
    sheet.derived("has_tools", sheet.facts.data.has_tools, "rows with tools", kind="fact")
    sheet.settle("thinking")
    sheet.settle("seed", int)


def _tokens(sheet: Sheet) -> None:
    """Who makes the tokens, and what there is of rows that bring their own mask."""
    data, facts = sheet.recipe.data, sheet.facts.data
    count = facts.segments
    made = maker(data, bool(count))
    given = "tokens" in data.model_fields_set
    text = "recipe: data.tokens" if given else "each tool makes its own tokens of the rows"
    if made != data.tokens:
        text = "rows of segments, which LLaMA-Factory cannot read: ftc makes the tokens, for both"
    sheet.derived("tokens", made, text, kind="recipe" if given else "fixed")
    rows = len(facts.train.total) + len(facts.eval.total)
    share = "none" if not count else "all" if count == rows else "some"
    sheet.derived("segments", share, f"rows of segments: {count:,} of {rows:,}", kind="fact")


def _template(sheet: Sheet) -> None:
    """What a tool must be told to render as the model's own template does on every day."""
    chats = sheet.recipe.stage != "pretrain" and sheet.values["segments"] != "all"
    known = sheet.facts.model.tokenizer if chats else None
    preamble = known.preamble if known and sheet.values["tokens"] == "native" else ""
    date, text = known.date if known else "", "the model's chat template"
    said = f"{text} writes it before every system text" if preamble else text
    sheet.derived("system_preamble", preamble, said, kind="fact")
    said = f"{text} would print the day of the run" if date else text
    sheet.derived("template_date", date, said, kind="fact")


def _preference(sheet: Sheet) -> None:
    for name in ("preference_beta", "preference_loss", "desirable_weight", "undesirable_weight"):
        sheet.settle(name)
