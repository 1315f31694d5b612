"""The DeepSpeed config that both backends take: a template a ZeRO stage; reads it back too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftc.plan import Plan
from ftc.render import render

FILE = "deepspeed.json"


def text(plan: Plan, templates: Path | None = None) -> str:
    """The contents of deepspeed.json for a plan with a ZeRO stage.

    "auto" stands only where transformers, which both backends train with, fills the number in.
    """
    template = f"deepspeed/zero{plan.zero_stage}.json.j2"
    return render(template, templates, offload=plan.offload_optimizer)


def read(config: Mapping[str, Any]) -> dict[str, Any]:
    """The plan settings that a DeepSpeed config tells."""
    zero = config.get("zero_optimization", {})
    device = zero.get("offload_optimizer", {}).get("device", "none")
    return {"zero_stage": zero.get("stage", 0), "offload_optimizer": device != "none"}
