"""The files of a build folder that both backends make in the same way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ftc.backends import deepspeed
from ftc.backends.base import Native
from ftc.errors import FtcError
from ftc.plan import Plan
from ftc.render import render


def config(
    template: str,
    values: Mapping[str, Any],
    parse: Callable[[str], Any],
    templates: Path | None,
) -> str:
    """The text of a native config; FtcError where a template loses or changes one of its keys."""
    text = render(template, templates, **values)
    try:
        told = parse(text)
    except ValueError as error:
        raise FtcError(
            f"template {template}: what it gives cannot be parsed: {error}",
            hint="mend the template: every value passes the filter of its format",
        ) from error
    native: Native = values["native"]
    keys = native.keys() | (told.keys() if isinstance(told, dict) else set())
    wrong = [key for key in keys if not isinstance(told, dict) or told.get(key) != native.get(key)]
    if wrong:
        raise FtcError(
            f"template {template}: loses or changes {', '.join(sorted(wrong))}",
            hint="a template orders and comments the values of `native`; it changes none",
        )
    return text


def common(name: str, plan: Plan, version: str, templates: Path | None) -> dict[str, str]:
    """run.sh, and deepspeed.json where the plan has a ZeRO stage."""
    cards = ",".join(str(card) for card in range(plan.gpus))
    script = render(f"launch/{name}.sh.j2", templates, plan=plan, version=version, cards=cards)
    files = {"run.sh": script}
    if plan.zero_stage:
        files[deepspeed.FILE] = deepspeed.text(plan, templates)
    return files
