"""Builds the case of a rule's case file: recipe and facts laid over rules_base.toml."""

import copy
import dataclasses
import tomllib
from pathlib import Path

from ftc.augmentation import Augment
from ftc.factors.table import shipped
from ftc.facts.records import (
    DataFacts,
    Facts,
    Family,
    Hardware,
    Lengths,
    ModelFacts,
    TokenizerFacts,
)
from ftc.memory.shape import Shape
from ftc.recipe import Recipe
from ftc.resolve import resolve
from ftc.rules.case import Case

HERE = Path(__file__).parent
BASE = tomllib.loads((HERE / "rules_base.toml").read_text("utf-8"))


def laid_over(base, fragment):
    """`fragment` merged into `base`; a table with `only = true` replaces what was there."""
    merged = copy.deepcopy(base)
    for key, value in fragment.items():
        if isinstance(value, dict) and value.pop("only", False):
            merged[key] = value
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = laid_over(merged[key], value)
        else:
            merged[key] = value
    return {key: value for key, value in merged.items() if value != "none"}


def lengths(rows, exact):
    prompt = [row[1] for row in rows for _ in range(row[0])]
    answer = [row[2] for row in rows for _ in range(row[0])]
    total = [before + after for before, after in zip(prompt, answer, strict=True)]
    return Lengths(exact, total, prompt, answer)


def facts(said, backends):
    model, data, hardware = dict(said["model"]), dict(said["data"]), dict(said["hardware"])
    for name, record in (("shape", Shape), ("tokenizer", TokenizerFacts), ("family", Family)):
        model[name] = record(**model[name]) if model.get(name) else None
    folder = model.pop("folder", None)
    model["linear_modules"] = tuple(model["linear_modules"])
    exact = data.pop("exact")
    data |= {part: lengths(data[part], exact) for part in ("train", "eval")}
    capability = hardware.pop("capability", None)
    return Facts(
        ModelFacts(**{"revision": None, **model}, folder=folder and Path(folder)),
        DataFacts(**data),
        Hardware(
            **{"vram_gb": None, **hardware}, capability=tuple(capability) if capability else None
        ),
        tuple(tuple(pair) for pair in backends),
    )


def built(case):
    """The case of a case file: recipe and facts laid over the base, `plan` over what they give."""
    said = laid_over(BASE, {k: v for k, v in case.items() if k in ("recipe", "facts")})
    if augment := said["recipe"].get("augment"):
        said["recipe"]["augment"] = Augment.model_validate(augment)
    recipe = Recipe.model_validate(said["recipe"])
    known = facts(said["facts"], case.get("backends", said["backends"]))
    plan = resolve(recipe, known, shipped())
    if fixed := case.get("plan"):
        plan = dataclasses.replace(plan, **fixed)
    return Case(recipe, plan, known)
