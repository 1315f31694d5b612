"""The LLaMA-Factory backend: what its config says of a plan, and what it cannot say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ftc.backends import base, files
from ftc.backends.base import Key, Native
from ftc.backends.llamafactory_data import DATA, dataset_info
from ftc.backends.llamafactory_keys import (
    LOOP,
    METHOD,
    MODEL,
    OPTIMISATION,
    PRECISION,
    PREFERENCES,
)
from ftc.backends.llamafactory_limits import LIMITS
from ftc.diagnostics import Finding
from ftc.plan import Plan
from ftc.render import render

NAME = "llamafactory"
CONFIG = "llamafactory.json"
KEYS: tuple[Key, ...] = (*MODEL, *METHOD, *PRECISION, *DATA, *PREFERENCES, *OPTIMISATION, *LOOP)

# Plan settings that no key holds, and why the config does not tell them.
UNCOVERED: dict[str, str] = {
    "name": "names the folder",
    "task": "only chose values",
    "model_type": "stands in the model's config.json",
    "family": "written as a template, but several families may share one",
    "turn_end": "stands in the template",
    "system_preamble": "stands in the rows; default_system may be the family's own instead",
    "template_date": "stands in the preamble",
    "gpus": "the launcher's number of processes",
    "zero_stage": "stands in deepspeed.json",
    "offload_optimizer": "stands in deepspeed.json",
    "train_rows": "a count of the rows in train.jsonl",
    "eval_rows": "a count of the rows in eval.jsonl",
    "has_tools": "stands in the rows and in dataset_info.json",
    "segments": "ftc writes such rows as tokens",
    "effective_batch": "micro batch times accumulation times cards",
}


def native(plan: Plan, version: str) -> dict[str, Any]:
    """The LLaMA-Factory config of a plan; nothing that changes training is left to a default."""
    return base.write_all(KEYS, plan, version)


def read(config: Native, version: str) -> dict[str, Any]:
    """The plan settings that a LLaMA-Factory config tells; the others are in UNCOVERED."""
    return base.read_all(KEYS, config)


def unsupported(plan: Plan, version: str) -> list[Finding]:
    """What this version cannot express of the plan, or does in another way."""
    return base.findings(NAME, LIMITS, plan, version)


def overridden(config: Native, overrides: Native) -> tuple[dict[str, Any], list[Finding]]:
    """The config with the recipe's own keys on top, and a finding for each."""
    return base.overridden(NAME, config, overrides)


def artifacts(
    plan: Plan, config: Native, version: str, templates: Path | None = None
) -> dict[str, str]:
    """File name -> text of a build folder, all but the rows."""
    values = {
        "plan": plan,
        "native": config,
        "origins": base.origins(KEYS, plan, version),
        "version": version,
    }
    info = render("llamafactory/dataset_info.json.j2", templates, info=dataset_info(plan))
    return {
        CONFIG: files.config("llamafactory/llamafactory.json.j2", values, json.loads, templates),
        "EXPLAIN.md": render("llamafactory/EXPLAIN.md.j2", templates, **values),
        "dataset_info.json": info,
    } | files.common(NAME, plan, version, templates)
