"""Small builds with rows of unequal lengths, as `ftc.parity.probe` takes them."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from backends import examples

from ftc import backends
from ftc.backends import rows
from ftc.data.example import Example, Message
from ftc.plan import Plan

WORDS = ["plain", "rows", "that", "say", "a", "little", "more", "each", "time"]
ROWS = 32


def _words(count: int) -> str:
    return " ".join(WORDS[place % len(WORDS)] for place in range(count))


def _turn(role: str, text: str) -> Message:
    return Message(role, text)


def _examples(kind: str, count: int) -> list[Example]:
    return [_example(kind, number) for number in range(count)]


def _example(kind: str, number: int) -> Example:
    place = {"id": f"row{number}", "file": "rows.jsonl", "line": number}
    prompt = (_turn("user", f"Number {number}. {_words(1 + number % 5)}"),)
    good = _turn("assistant", f"It is {number}, {_words(1 + number * 7 % 23)}.")
    bad = _turn("assistant", f"No, {_words(1 + number * 5 % 11)}.")
    if kind == "pretrain":
        return Example(**place, text=f"Number {number}. {_words(2 + number * 7 % 23)}")
    if kind in ("dpo", "orpo"):
        return Example(**place, messages=prompt, chosen=good, rejected=bad)
    if kind == "kto":
        return Example(**place, messages=prompt, completion=good, label=number % 3 > 0)
    more = (_turn("user", "Go on."), bad) if number % 4 == 3 else ()
    return Example(**place, messages=(*prompt, good, *more))


def plan(family: str, kind: str, model: Path, **settings: Any) -> Plan:
    """A plan of twelve steps with warm-up; `accumulation` and `full` come before settings."""
    accumulation = settings.pop("accumulation", 1)
    made = replace(
        examples.plan(family, kind, model),
        learning_rate=2e-3,
        warmup_steps=3,
        max_steps=12,
        epochs=20.0,
        gradient_accumulation=accumulation,
        effective_batch=2 * accumulation,
        train_rows=ROWS,
        eval_rows=ROWS,
    )
    if settings.pop("full", False):
        bare = {"lora_rank": None, "lora_alpha": None, "lora_dropout": None, "lora_targets": ()}
        made = replace(made, method="full", **bare)
    return replace(made, **settings)


def build(folder: Path, backend: str, version: str, made: Plan, count: int = ROWS) -> Path:
    """A build folder: config, rows, plan.json, and an ftc.lock that names the tool."""
    folder.mkdir(parents=True)
    module = backends.get(backend)
    files = module.artifacts(made, module.native(made, version), version)
    lines = "".join(
        json.dumps(record) + "\n"
        for record in rows.records(_examples(made.stage, count), made.stage, made.has_tools)
    )
    settings = {name: value for name, value in asdict(made).items() if name != "origins"}
    files |= {"train.jsonl": lines, "eval.jsonl": lines}
    files |= {"plan.json": json.dumps(settings)}
    files |= {"ftc.lock": json.dumps({"backend": backend, "version": version})}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
