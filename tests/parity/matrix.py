"""The matrix of families and kinds of rows: recipes, and the builds made of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ftc.build import Built, build
from parity import models

FACTORY = "0.9.5"
AXOLOTL = "0.21.0"
OLD_AXOLOTL = "0.19.0"
# Kind -> (file of rows, stage). Only families that think get the rows with thoughts.
KINDS: dict[str, tuple[str, str]] = {
    "alpaca": ("alpaca", "sft"),
    "chat": ("chat", "sft"),
    "system": ("system", "sft"),
    "tools": ("tools", "sft"),
    "thoughts": ("thoughts", "sft"),
    "dpo": ("dpo", "dpo"),
    "orpo": ("dpo", "orpo"),
    "kto": ("kto", "kto"),
    "text": ("text", "pretrain"),
}
THINKING = ("qwen3", "qwen3-thinking")
# Small enough for a CPU, and nothing that depends on the machine.
TRAINING: dict[str, Any] = {
    "epochs": 1.0,
    "micro_batch": 2,
    "gradient_accumulation": 1,
    "max_length": 2048,
    "gradient_checkpointing": False,
    "dtype": "fp32",
    "seed": 42,
}
# Rules that a handful of rows cannot please.
SMALL = ("too-few-rows", "too-few-steps")
LORA = {"rank": 4, "alpha": 8.0, "dropout": 0.0}


@dataclass(frozen=True)
class Case:
    """One recipe: a family, a kind of rows, and what its training table says besides."""

    family: str
    kind: str
    tokens: str = "native"
    method: str = "lora"
    training: Mapping[str, Any] = field(default_factory=dict)
    rows: int = 0  # so many rows, the file's again and again; 0: the file as it is
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # other tables

    @property
    def name(self) -> str:
        """For files and messages."""
        said = "-".join(f"{key[:5]}{value}" for key, value in self.training.items())
        parts = [self.family, self.kind, self.tokens, self.method, said]
        parts += [str(self.rows)] if self.rows else []
        return "-".join(part for part in parts if part).replace("_", "")[:64].rstrip("-")


def cases(families: Iterable[str], tokens: str = "native") -> list[Case]:
    """Every kind of rows for each family."""
    return [
        Case(family, kind, tokens)
        for family in families
        for kind in KINDS
        if kind != "thoughts" or family in THINKING
    ]


def recipe(case: Case, folder: Path) -> Path:
    """Writes the recipe, the rows and the model of a case below `folder`."""
    model = folder / "models" / case.family
    if not (model / "config.json").is_file():
        models.make(model, case.family)
    file, stage = KINDS[case.kind]
    data = folder / "rows" / f"{file}-{case.rows}.jsonl"
    data.parent.mkdir(parents=True, exist_ok=True)
    data.write_text(_lines(file, case.rows), "utf-8")
    training = TRAINING | models.families()[case.family].get("recipe", {}) | dict(case.training)
    tables: dict[str, dict[str, Any]] = {
        "": {"name": case.name, "model": str(model), "stage": stage, "method": case.method},
        "data": {"path": str(data), "eval": 0.0, "tokens": case.tokens},
        "hardware": {"device": "cpu"},
        "training": {key: value for key, value in training.items() if value is not None},
    }
    if case.method != "full":
        tables["lora"] = dict(LORA)
    for name, table in case.tables.items():
        tables[name] = tables.get(name, {}) | dict(table)
    path = folder / f"{case.name}.toml"
    path.write_text(_toml(tables), "utf-8")
    return path


def built(case: Case, folder: Path, backend: str, version: str) -> Built:
    """What `ftc build` makes of a case. FtcError or Refused where it makes nothing."""
    path = recipe(case, folder)
    return build(path, backend, version, out=folder / "build", offline=True, ignore=SMALL)


def _lines(file: str, rows: int) -> str:
    lines = (models.ROWS / f"{file}.jsonl").read_text("utf-8").splitlines()
    if not rows:
        return "".join(line + "\n" for line in lines)
    return "".join(_numbered(lines[index % len(lines)], index) + "\n" for index in range(rows))


def _numbered(line: str, index: int) -> str:
    """The row with a number in its prompt: equal rows would be taken for duplicates."""
    row = json.loads(line)
    for key in ("instruction", "prompt", "text"):
        if isinstance(row.get(key), str):
            row[key] = f"{row[key]} (row {index})"
            return json.dumps(row, ensure_ascii=False)
    turns = row.get("messages") or row["prompt"]
    first = next(turn for turn in turns if turn["role"] == "user")
    first["content"] = f"{first['content']} (row {index})"
    return json.dumps(row, ensure_ascii=False)


def _toml(tables: Mapping[str, Mapping[str, Any]]) -> str:
    parts = []
    for name, table in tables.items():
        head = [f"[{name}]"] if name else []
        parts.append("\n".join([*head, *(f"{key} = {_value(one)}" for key, one in table.items())]))
    return "\n\n".join(parts) + "\n"


def _value(value: Any) -> str:
    """A TOML value; JSON writes texts, numbers, truth values and lists in the same way."""
    return json.dumps(value, ensure_ascii=False)
