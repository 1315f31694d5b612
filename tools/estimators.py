"""Asks other estimators about the measured rows, and writes docs/estimators.md.

`python tools/estimators.py` makes their environment where it is missing, asks, keeps the answers
in tests/memory/estimators.json and writes the page. `--write` writes the page from kept answers,
`--check` fails when it is not that of today.
"""

from __future__ import annotations

import json
import runpy
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "compiler"))

from ftc import resources  # noqa: E402 - found by the line above
from ftc.memory import measured  # noqa: E402
from ftc.memory.modules import parameters  # noqa: E402

TOOLS = ROOT / "tools"
TABLE = runpy.run_path(str(TOOLS / "memory_table.py"))
RULES = runpy.run_path(str(TOOLS / "estimator_rules.py"))["RULES"]
LOCK = ROOT / "requirements" / "estimators.txt"
KEPT = ROOT / "tests" / "memory" / "estimators.json"
PAGE = ROOT / "docs" / "estimators.md"

# GiB of the card that a group of rows ran on, as far as it is said; canifinetune asks for it. The
# rows of "capacity" say by themselves which card they filled.
CARDS = {
    "canifinetune": 16,
    "peft": 48,
    "axolotl": 48,
    "llamafactory": 40,
    "fsdp-qlora": 24,
    "litgpt": 40,
}
USUAL = 80
# What runs the code of Hugging Face.
STACK = ("axolotl", "llamafactory", "peft", "canifinetune", "fms", "capacity")


def environment() -> Path:
    """The interpreter of the estimators' environment, made where it is not there.

    Named by the hash of its lock; `complete` is written last, as in the Makefile.
    """
    key = sha256(LOCK.read_bytes()).hexdigest()[:12]
    folder = resources.cache() / "environments" / f"estimators-{key}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        quiet = ["--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([python, "-m", "pip", "install", *quiet, "-r", str(LOCK)], check=True)
        (folder / "complete").touch()
    return python


def questions() -> list[dict[str, Any]]:
    """Every shipped row as plain values: its shape, its job, the metric and the card."""
    return [_question(row) for row in measured.shipped()]


def _question(row: measured.Row) -> dict[str, Any]:
    shape, job = row.shape, row.job
    of_shape = (
        "model_type hidden intermediate layers heads kv_heads vocab tied mlp experts "
        "experts_per_token"
    )
    of_job = (
        "method rank dropout dora dtype master attention gradient_checkpointing max_length "
        "micro_batch gradient_accumulation optimizer loss gpus zero_stage double_quant"
    )
    return {
        "id": row.id,
        "model": row.name,
        "metric": row.metric,
        "card": row.gib if row.group == "capacity" else CARDS.get(row.group, USUAL),
        "parameters": parameters(shape),
        "bits": job.base_bits,
        "targets": list(job.targets),
        "modules_to_save": list(job.modules_to_save),
        **{name: getattr(shape, name) for name in of_shape.split()},
        **{name: getattr(job, name) for name in of_job.split()},
    }


def ask() -> dict[str, dict[str, float | str]]:
    """The answers of every estimator by row: GiB, or why there is none."""
    rows = questions()
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "questions.json", Path(folder) / "answers.json"
        asked.write_text(json.dumps(rows), encoding="utf-8")
        script = TOOLS / "estimators_asked.py"
        subprocess.run([environment(), "-I", script, asked, answered], check=True)
        found: dict[str, dict[str, float | str]] = json.loads(answered.read_text("utf-8"))
    for rule in RULES:
        answers = {row["id"]: rule.answer(row) for row in rows}
        found[rule.name] = {
            key: answer if isinstance(answer, str) else round(answer, 4)
            for key, answer in answers.items()
        }
    return found


def page(found: dict[str, dict[str, float | str]]) -> str:
    """docs/estimators.md from the answers."""
    rows = TABLE["rows"]()
    stack = [one for one in rows if one.row.group in STACK]
    text = (TOOLS / "estimators.md").read_text(encoding="utf-8")
    blocks = {
        "stack": _table(found, stack),
        "all": _table(found, rows),
        "silent": _silent(found, rows),
        "rules": "\n".join(
            f"- *{rule.name}*: {rule.source}. Given: {rule.asked}." for rule in RULES
        ),
        "count": str(len(rows)),
        "stack_count": str(len(stack)),
    }
    for name, block in blocks.items():
        text = text.replace("{{" + name + "}}", block)
    return text


def _table(found: dict[str, dict[str, float | str]], rows: list[Any]) -> str:
    lines = [
        "| estimator | answers | median error | 90 % within | bias | more than 5 % too low "
        "| ftc on the same rows: median, 90 % |",
        "|---|---|---|---|---|---|---|",
    ]
    own = [one.error for one in rows]
    lines.append(f"| **ftc** | {len(rows)} of {len(rows)} {_errors(own)} | |")
    for name, answers in found.items():
        chosen = [one for one in rows if isinstance(answers.get(one.row.id), float)]
        if not chosen:
            lines.append(f"| {name} | 0 of {len(rows)} | | | | | |")
            continue
        errors = [float(answers[one.row.id]) / one.row.gib - 1 for one in chosen]
        same = [one.error for one in chosen]
        lines.append(
            f"| {name} | {len(chosen)} of {len(rows)} {_errors(errors)} "
            f"| {statistics.median(map(abs, same)):.1%}, {TABLE['ninety'](same):.1%} |"
        )
    return "\n".join(lines)


def _errors(errors: list[float]) -> str:
    low = sum(error < -0.05 for error in errors) / len(errors)
    return (
        f"| {statistics.median(map(abs, errors)):.1%} | {TABLE['ninety'](errors):.1%} "
        f"| {statistics.median(errors):+.1%} | {low:.0%}"
    )


def _silent(found: dict[str, dict[str, float | str]], rows: Iterable[Any]) -> str:
    names = {one.row.id for one in rows}
    lines = ["| estimator | no answer | rows |", "|---|---|---|"]
    for name, answers in found.items():
        reasons = Counter(
            answer for key, answer in answers.items() if isinstance(answer, str) and key in names
        )
        lines += [f"| {name} | {reason} | {count} |" for reason, count in reasons.most_common()]
    return "\n".join(lines)


def main() -> int:
    """Ask, write or check; the exit code."""
    if "--write" in sys.argv or "--check" in sys.argv:
        found = json.loads(KEPT.read_text("utf-8"))
    else:
        found = ask()
        KEPT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text = page(found)
    if "--check" in sys.argv:
        if PAGE.read_text(encoding="utf-8") != text:
            print("docs/estimators.md: out of date, run tools/estimators.py --write")
            return 1
        return 0
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
