"""A plan of what a config says alone, for key tables that write from plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ftc.plan import Plan

# What the tables look at when they decide whether to write a key, where nothing is said of it.
_NEUTRAL: dict[str, Any] = {
    "stage": "sft",
    "method": "full",
    "quant_bits": 0,
    "device": "gpu",
    "gpus": 1,
    "zero_stage": 0,
    "dtype": "bf16",
    "packing": False,
    "liger_kernel": False,
    "has_tools": False,
    "tokens": "native",
    "segments": "none",
    "eval_steps": 0,
    "lora_targets": (),
    "lora_modules_to_save": (),
    "origins": {},
}


def plan(values: Mapping[str, Any]) -> Plan:
    """A plan with these settings; whatever else it holds is not to be written."""
    names = [it.name for it in fields(Plan)]
    said = {name: values[name] for name in names if name in values}
    whole: dict[str, Any] = dict.fromkeys(names) | _NEUTRAL | said
    return Plan(**whole)
