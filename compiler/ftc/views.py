"""Turns plans, findings, decisions and tables into text for a terminal. Prints nothing itself."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from ftc.diagnostics import Finding
from ftc.factors.table import Table
from ftc.plan import PATHS, Origin, Plan

GROUPS: dict[str, tuple[str, ...]] = {
    "model and method": (
        "model",
        "model_type",
        "family",
        "turn_end",
        "system_preamble",
        "template_date",
        "stage",
        "task",
        "method",
        "quant_bits",
    ),
    "adapter": (
        "lora_rank",
        "lora_alpha",
        "lora_dropout",
        "lora_targets",
        "lora_modules_to_save",
        "lora_dora",
        "lora_rslora",
        "loraplus_lr_ratio",
    ),
    "data": (
        "train_rows",
        "eval_rows",
        "max_length",
        "packing",
        "train_on_prompt",
        "tokens",
        "thinking",
        "has_tools",
        "segments",
    ),
    "optimisation": (
        "learning_rate",
        "lr_scheduler",
        "min_lr_ratio",
        "warmup_steps",
        "epochs",
        "max_steps",
        "effective_batch",
        "micro_batch",
        "gradient_accumulation",
        "optimizer",
        "adam_beta1",
        "adam_beta2",
        "adam_epsilon",
        "weight_decay",
        "max_grad_norm",
        "neftune_alpha",
        "seed",
    ),
    "preference": (
        "preference_beta",
        "preference_loss",
        "desirable_weight",
        "undesirable_weight",
    ),
    "hardware": (
        "device",
        "gpus",
        "dtype",
        "tf32",
        "attention",
        "gradient_checkpointing",
        "liger_kernel",
        "zero_stage",
        "offload_optimizer",
    ),
    "loop": (
        "eval_steps",
        "eval_batch",
        "save_steps",
        "save_total_limit",
        "load_best",
        "logging_steps",
    ),
}


def plan(it: Plan) -> str:
    """The whole plan by group; settings that do not apply (None, empty) are left out."""
    lines = [f"{it.name}: {it.stage}, {it.method}"]
    values = it.values()
    for group, names in GROUPS.items():
        shown = [name for name in names if values[name] not in (None, (), "")]
        if not shown:
            continue
        lines.append(f"\n{group}")
        rows = [(name, value(values[name]), it.origins[name].text) for name in shown]
        lines += _columns(rows, indent=2)
    return "\n".join(lines)


def explain(it: Plan, name: str) -> str:
    """The chain that led to one value, what others say, and what would change it."""
    origin = it.origins[name]
    lines = [f"{name} = {value(getattr(it, name))}", f"  {origin.text}"]
    for title, entries in (
        ("how", origin.steps),
        ("beside it", origin.beside),
        ("what would change it", _changes(name, origin)),
    ):
        if entries:
            lines.append(f"\n{title}")
            lines += [_wrapped(entry, "  - ") for entry in entries]
    return "\n".join(lines)


def _changes(name: str, origin: Origin) -> Sequence[str]:
    if name not in PATHS or origin.kind == "recipe":
        return origin.changes
    return (f"{PATHS[name]} = ... in the recipe", *origin.changes)


def findings(found: Sequence[Finding]) -> str:
    """Every finding with place, reason and remedy, and a line that counts them."""
    lines = []
    for it in found:
        code = f" {it.code}" if it.code else ""
        lines.append(f"{it.severity}: {it.rule}{code} at {it.where}")
        lines.append(_wrapped(it.message, "  "))
        if it.remedy:
            lines.append(_wrapped(f"try: {it.remedy}", "  "))
    lines.append(counted(found))
    return "\n".join(lines)


def counted(found: Sequence[Finding]) -> str:
    """`1 error, 2 warnings` in words."""
    if not found:
        return "no findings"
    parts = []
    for severity, word in (("error", "error"), ("warning", "warning"), ("info", "remark")):
        number = sum(it.severity == severity for it in found)
        if number:
            parts.append(f"{number} {word}{'s' if number > 1 else ''}")
    return ", ".join(parts)


def factors(table: Table, parameter: str = "") -> str:
    """The factor table, one block a parameter, with conditions, kinds and sources."""
    lines = [f"order of trust: {', '.join(table.trust)}"]
    names = [parameter] if parameter else list(dict.fromkeys(row.parameter for row in table.value))
    for name in names:
        lines.append(f"\n{name}")
        for row in table.value:
            if row.parameter == name:
                lines.append(_wrapped(f"{row.shown()}  [{row.kind}] {row.source}", "  "))
                lines += [_wrapped(f"when {condition(row.when)}", "      ")] if row.when else []
                lines += [_wrapped(row.note, "      ")] if row.note else []
        for factor in table.factor:
            if name in factor.parameters:
                arrow = "up" if factor.shift > 0 else "down"
                text = f"{arrow} when {condition(factor.when)}: {factor.effect} [{factor.kind}]"
                lines.append(_wrapped(text, "  "))
        for limit in table.limit:
            if limit.parameter == name:
                where = f" when {condition(limit.when)}" if limit.when else ""
                lines.append(_wrapped(f"limit{where}: {limit.effect} [{limit.kind}]", "  "))
    return "\n".join(lines)


def condition(when: dict[str, Any]) -> str:
    """A row's conditions in words."""
    parts = []
    for name, wanted in when.items():
        if isinstance(wanted, list):
            parts.append(f"{name} is {' or '.join(wanted)}")
        else:
            low, high = wanted.get("min"), wanted.get("max")
            bound = [f"≥ {low:g}"] if low is not None else []
            bound += [f"≤ {high:g}"] if high is not None else []
            parts.append(f"{name} {' and '.join(bound)}")
    return ", ".join(parts)


def rows(report: dict[str, Any]) -> str:
    """Where every row of the data went, in one or a few lines."""
    text = f"{report['train']} training rows, {report['eval']} held out"
    if report["left_out"]:
        text += f", {report['left_out']} beyond data.samples"
    long = [row for part in report["too_long"].values() for row in part]
    if long:
        ids = ", ".join(row["id"] for row in long[:3]) + (", ..." if len(long) > 3 else "")
        text += f"\n{len(long)} rows over {report['max_length']} tokens kept out: {ids}"
    for row in report["rejected"][:5]:
        text += f"\nbad row {row['file']}:{row['line']}: {row['reason']}"
    if len(report["rejected"]) > 5:
        text += f"\n{len(report['rejected']) - 5} more bad rows: data.json lists them all"
    return text


def table(rows: Iterable[Sequence[str]]) -> str:
    """Aligned columns; the last one is not padded."""
    return "\n".join(_columns([tuple(row) for row in rows]))


def value(it: Any) -> str:
    """A setting's value as a person reads it."""
    if isinstance(it, bool):
        return "yes" if it else "no"
    if isinstance(it, float):
        return f"{it:g}"
    return " ".join((", ".join(it) if isinstance(it, tuple) else str(it)).split())


def _columns(rows: Sequence[tuple[str, ...]], indent: int = 0) -> list[str]:
    if not rows:
        return []
    widths = [min(44, max(len(row[i]) for row in rows)) for i in range(len(rows[0]) - 1)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append((" " * indent + "  ".join([*cells, row[-1]])).rstrip())
    return lines


def _wrapped(text: str, indent: str) -> str:
    width = max(60, min(100, shutil.get_terminal_size((100, 24)).columns))
    blank = " " * len(indent)
    return textwrap.fill(text, width, initial_indent=indent, subsequent_indent=blank)
