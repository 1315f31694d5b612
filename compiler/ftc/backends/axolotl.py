"""The Axolotl backend: what its config says of a plan, and what it cannot say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ftc.backends import base, files
from ftc.backends.axolotl_data import DATA
from ftc.backends.axolotl_keys import LOOP, METHOD, MODEL, OPTIMISATION, PRECISION, PREFERENCES
from ftc.backends.axolotl_limits import LIMITS
from ftc.backends.base import Key, Native
from ftc.diagnostics import Finding
from ftc.plan import Plan

NAME = "axolotl"
CONFIG = "axolotl.yaml"
KEYS: tuple[Key, ...] = (*MODEL, *METHOD, *PRECISION, *DATA, *PREFERENCES, *OPTIMISATION, *LOOP)

# Plan settings that no key holds, and why the config does not tell them.
UNCOVERED: dict[str, str] = {
    "name": "names the folder",
    "task": "only chose values",
    "model_type": "stands in the model's config.json",
    "family": "the model's own template is used, by whatever name ftc knows it",
    "turn_end": "written as eot_tokens, but a config without them means the tokenizer's eos",
    "system_preamble": "the model's own template writes it",
    "device": "the environment variable FTC_DEVICE, read by the plugin: there is no key",
    "gpus": "the launcher's number of processes",
    "zero_stage": "stands in deepspeed.json",
    "offload_optimizer": "stands in deepspeed.json",
    "train_rows": "a count of the rows in train.jsonl",
    "eval_rows": "a count of the rows in eval.jsonl",
    "has_tools": "stands in the rows",
    "segments": "stands in the rows; those of all, where Axolotl makes the tokens, in their type",
    "effective_batch": "micro batch times accumulation times cards",
}


def native(plan: Plan, version: str) -> dict[str, Any]:
    """The Axolotl config of a plan; nothing that changes training is left to a default."""
    return base.write_all(KEYS, plan, version)


def read(config: Native, version: str) -> dict[str, Any]:
    """The plan settings that an Axolotl config tells; the others are in UNCOVERED."""
    return base.read_all(KEYS, config)


def unsupported(plan: Plan, version: str) -> list[Finding]:
    """What this version cannot express of the plan, or does in another way."""
    return base.findings(NAME, LIMITS, plan, version)


def overridden(config: Native, overrides: Native) -> tuple[dict[str, Any], list[Finding]]:
    """The config with the recipe's own keys on top, and a finding for each."""
    return base.overridden(NAME, config, overrides)


# The C parser of libyaml, where PyYAML was built with it: ten times as fast, as safe.
SAFE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def artifacts(
    plan: Plan, config: Native, version: str, templates: Path | None = None
) -> dict[str, str]:
    """File name -> text of a build folder, all but the rows and the plugin."""
    values = {
        "plan": plan,
        "native": config,
        "origins": base.origins(KEYS, plan, version),
        "version": version,
    }
    text = files.config("axolotl/axolotl.yaml.j2", values, _parse, templates)
    return {CONFIG: text} | files.common(NAME, plan, version, templates)


def _parse(text: str) -> Any:
    try:
        return yaml.load(text, Loader=SAFE)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
