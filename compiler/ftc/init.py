"""Writes a commented recipe for a data file: `ftc init`."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from ftc.data.load import load
from ftc.errors import FtcError
from ftc.recipe import Data, Stage, parse

STAGES: dict[str, Stage] = {"text": "pretrain", "preference": "dpo", "kto": "kto"}


def recipe_text(
    data: Path,
    model: str,
    *,
    beside: Path,
    task: str = "general",
    method: str = "auto",
    vram: float | None = None,
    gpu: str | None = None,
    cpu: bool = False,
    name: str | None = None,
) -> str:
    """The text of a recipe; `beside` is the folder that its relative paths will start from.

    Reads the data file to tell its format and stage. FtcError when it cannot be read, or when a
    flag is not one of the recipe language.
    """
    stage, layout, rows = _looked_at(data)
    shown = os.path.relpath(data, beside) if not data.is_absolute() else str(data)
    local = Path(model).is_dir() and not Path(model).is_absolute()
    lines = [
        f"# Recipe for {data.name}: {rows} rows, laid out as {layout}.",
        "# Every setting that is not here is filled in: ftc plan shows it, ftc explain says why.",
        "",
        f"name = {_toml(name or _slug(data.stem))}",
        f"model = {_toml(os.path.relpath(model, beside) if local else model)}"
        "   # a folder, or a hub id",
        f"task = {_toml(task)}   # creative, qa, chat, code, ...: docs/recipe.md lists them",
        f"stage = {_toml(stage)}   # sft, pretrain, dpo, kto, orpo",
        f"method = {_toml(method)}   # auto, lora, qlora, full",
        "",
        "[data]",
        f"path = {_toml(shown)}",
        f"format = {_toml(layout)}",
        "eval = 0.1   # share of rows held out",
        "# samples = 500   # use at most so many rows",
        '# system = "You are ..."   # for rows without a system turn',
        '# tokens = "exact"   # ftc makes the tokens, once for both tools',
        "",
        "[hardware]",
        *_hardware(vram, gpu, cpu),
        "",
        "[training]",
        "# learning_rate = 2e-4",
        "# epochs = 3",
        "# max_length = 1024   # tokens per row",
        "",
        "[lora]",
        "# rank = 16",
        "",
        "[compare]",
        '# prompts = ["Asked before and after training."]',
    ]
    text = "\n".join(lines) + "\n"
    parse(text, "the recipe from these flags")
    return text


def write(out: Path, text: str, *, force: bool) -> None:
    """Write the recipe; an existing file is kept unless `force`."""
    if out.exists() and not force:
        raise FtcError(f"{out}: exists already", hint="choose another --out, or give --force")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        beside = out.with_name(f".{out.name}.new")
        beside.write_text(text, "utf-8")
        beside.replace(out)
    except OSError as error:
        raise FtcError(f"{out}: cannot be written: {error.strerror}") from error


def _looked_at(data: Path) -> tuple[Stage, str, int]:
    """The stage that fits the file, its format, and its number of usable rows."""
    failures: list[FtcError] = []
    for stage in ("sft", "dpo", "kto", "pretrain"):
        try:
            found = load(Data(path=str(data.absolute()), eval=0.0), stage, Path.cwd(), 42)
        except FtcError as error:
            failures.append(error)
            continue
        return STAGES.get(found.format, stage), found.format, len(found.train)
    raise failures[0]


def _hardware(vram: float | None, gpu: str | None, cpu: bool) -> list[str]:
    if cpu:
        return ['device = "cpu"']
    lines = [f"gpu = {_toml(gpu)}"] if gpu else []
    if vram is not None:
        lines.append(f"vram_gb = {vram:g}   # GiB per card: the budget")
    return lines or ["# vram_gb = 24   # GiB per card; or gpu = 'RTX 4090'; or device = 'cpu'"]


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._") or "recipe"


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
