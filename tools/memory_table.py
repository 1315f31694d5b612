"""Compares the memory formula with published measurements, and writes what follows from it.

`python tools/memory_table.py` prints one line per group of rows of `measured.csv`; `-v` every
row. `--write` makes the shapes of the measured models, the ranges of `confidence.toml` and the
tables of docs/memory.md anew; `--check` fails when one of them is not that of today.
"""

from __future__ import annotations

import json
import statistics
import sys
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "compiler"))

from ftc.facts import architecture  # noqa: E402 - found by the line above
from ftc.memory import confidence, measured  # noqa: E402
from ftc.memory.formula import Job, Shape, estimate  # noqa: E402
from ftc.memory.job import GIB  # noqa: E402
from ftc.memory.nearest import predicted  # noqa: E402

TESTS = ROOT / "tests" / "memory"
SHAPES = TESTS / "shapes.toml"
CONFIGS = TESTS / "measured_configs.toml"
CPU_RUNS = TESTS / "cpu_runs.csv"
RESERVED = TESTS / "reserved.json"
TOO_LOW = TESTS / "too_low.toml"
PAGE = ROOT / "docs" / "memory.md"
START, END = "<!-- made by tools/memory_table.py -->", "<!-- end of the table -->"

# Training loops. OURS run what ftc's backends run.
OURS = ("axolotl", "llamafactory", "peft", "canifinetune")
QWEN = ("qwen", "qwen-emb", "qwen-gptq")  # Hugging Face's Trainer, but the counter is not said
GROUPS = {
    "axolotl": "Axolotl, examples' READMEs",
    "llamafactory": "LLaMA-Factory, its paper",
    "peft": "PEFT, method comparison",
    "canifinetune": "canifinetune, a plain loop over transformers and peft",
    "fms": "fms-acceleration, SFTTrainer",
    "fms-fsdp": "fms-acceleration, FSDP on two cards",
    "qwen": "Qwen README, LoRA",
    "qwen-emb": "Qwen README, LoRA with embeddings",
    "qwen-gptq": "Qwen README, GPTQ",
    "qwen-zero3": "Qwen README, ZeRO-3",
    "capacity": "longest context that fits (Unsloth's page, HF + FA2)",
    "torchtune": "torchtune",
    "fsdp-qlora": "fsdp_qlora",
    "ms-swift": "ms-swift 1, rows of varying length",
    "litgpt": "LitGPT, model code of its own",
}
OUTSIDE = ("litgpt", "qwen-gptq", "fsdp-qlora", "fms-fsdp")  # what no trace of ours describes
TOKENS = 8192  # of a simulation with the stock loss
# The first run of cpu_runs.csv without MALLOC_MMAP_THRESHOLD_, by what it took with it, GiB:
# docs/memory.md, "CPU runs measured".
KEPT_BY_MALLOC = 2.55 / 1.39


class Compared(NamedTuple):
    """A measured row and what the formula says of the same metric, GiB."""

    row: measured.Row
    predicted: float

    @property
    def error(self) -> float:
        """Share by which the formula is above (+) or below (-) the measurement."""
        return self.predicted / self.row.gib - 1

    @property
    def bar(self) -> bool:
        """Whether the goal for accuracy speaks of it: a complete setting of our own stack."""
        row = self.row
        return row.group in OURS and row.setting == "complete" and not row.held_out


def shapes() -> dict[str, Shape]:
    """The model shapes of the unit tests by name."""
    known = {part.name for part in fields(Shape)}
    table = tomllib.loads(SHAPES.read_text(encoding="utf-8"))
    return {
        name: Shape(**{key: value for key, value in row.items() if key in known})
        for name, row in table.items()
    }


def rows() -> list[Compared]:
    """Every shipped row with its prediction."""
    return [Compared(row, predicted(row)) for row in measured.shipped()]


def ninety(errors: Iterable[float]) -> float:
    """The 90th percentile of the absolute errors."""
    sizes = sorted(abs(error) for error in errors)
    return sizes[min(len(sizes) - 1, round(0.9 * (len(sizes) - 1)))]


# The tables of the page


HEAD = [
    "| runs | figures | median error | 90 % within | bias | more than 5 % too low |",
    "|---|---|---|---|---|---|",
]


def _line(name: str, chosen: Iterable[Compared]) -> str:
    errors = [one.error for one in chosen]
    low = sum(error < -0.05 for error in errors)
    return (
        f"| {name} | {len(errors)} | {statistics.median(map(abs, errors)):.1%} "
        f"| {ninety(errors):.1%} | {statistics.median(errors):+.1%} | {low} |"
    )


def bar(compared: list[Compared]) -> str:
    """Markdown: the rows that the goal speaks of, and those that it may speak of."""
    own = [one for one in compared if one.bar]
    odd = ("axolotl-afm-4.5b", "axolotl-olmo3-7b")
    held = [one for one in compared if one.row.held_out and one.row.group in OURS]
    more = [o for o in compared if o.row.group == "fms" and o.row.metric == "allocated"]
    named = [
        ("**Axolotl, PEFT and plain Hugging Face**", own),
        ("the same without AFM and OLMo 3", [o for o in own if not o.row.id.startswith(odd)]),
        ("the same with the held-out rows of these tools", own + held),
        ("the same with SFTTrainer's, held out", own + held + more),
        ("with Qwen's LoRA runs", [o for o in compared if o.bar or o.row.group == "qwen"]),
        ("with all of Qwen's on one card", [o for o in compared if o.bar or o.row.group in QWEN]),
    ]
    return "\n".join([*HEAD, *(_line(name, chosen) for name, chosen in named)])


def table(compared: list[Compared], held_out: bool) -> str:
    """Markdown: a line for each group and metric of rows that were held out, or that were not."""
    groups: dict[tuple[str, str], list[Compared]] = {}
    for one in compared:
        if one.row.held_out == held_out:
            groups.setdefault((one.row.group, one.row.metric), []).append(one)
    order = sorted(groups, key=lambda key: (list(GROUPS).index(key[0]), key[1]))
    return "\n".join(
        [*HEAD, *(_line(f"{GROUPS[group]}: {metric}", groups[group, metric])
                  for group, metric in order)]
    )  # fmt: skip


def low(compared: list[Compared]) -> str:
    """Markdown: figures of our own stack more than 5 % too low, each with its reason."""
    reasons = tomllib.loads(TOO_LOW.read_text(encoding="utf-8"))["rows"]
    chosen = [one for one in compared if one.row.id in reasons]
    lines = ["| figure | measured | estimated | error | why |", "|---|---|---|---|---|"]
    for one in sorted(chosen, key=lambda one: (one.row.held_out, one.row.id)):
        mark = " (held out)" if one.row.held_out else ""
        lines.append(
            f"| {one.row.id}{mark} | {one.row.gib:.2f} | {one.predicted:.2f} "
            f"| {one.error:+.1%} | {reasons[one.row.id]} |"
        )
    return "\n".join(lines)


def idle(compared: list[Compared]) -> str:
    """Markdown: what torch's allocator reserved in the simulations of tools/reserved.py."""
    found = json.loads(RESERVED.read_text(encoding="utf-8"))
    known = {one.row.id: one for one in compared}
    lines = [
        "| trace | allocated | idle | in V T | idle, expandable segments | measured reserved |",
        "|---|---|---|---|---|---|",
    ]
    for name, each in found.items():
        plain, grown = each["plain"], each["expandable"]
        gap, small = ((one["reserved"] - one["allocated"]) / GIB for one in (plain, grown))
        share = seen = ""
        if name in known:
            seen = f"{known[name].row.gib:.2f}"
        else:
            share = f"{gap * GIB / measured.models()[name.split()[0]].vocab / TOKENS:.1f}"
        size = plain["allocated"] / GIB
        lines.append(f"| {name} | {size:.2f} | {gap:.2f} | {share} | {small:.2f} | {seen} |")
    return "\n".join(lines)


def page(text: str, compared: list[Compared]) -> str:
    """The documentation page with what stands between its two marks replaced."""
    before, rest = text.split(START, 1)
    blocks = [
        "Rows of a complete setting whose tool runs what ftc's backends run:",
        bar(compared),
        "All rows that were at hand when terms were chosen:",
        table(compared, held_out=False),
        "Rows that took no part in any choice (held out):",
        table(compared, held_out=True),
        "More than 5 % too low:",
        low(compared),
        "Torch's allocator, simulated on traces of whole models by `python tools/reserved.py` "
        "(8192 tokens with the stock loss; then READMEs with a fused one):",
        idle(compared),
    ]
    middle = "\n\n".join(blocks)
    return f"{before}{START}\n\n{middle}\n\n{END}{rest.split(END, 1)[1]}"


# Files that ship


def models() -> str:
    """`measured_models.toml`: the shapes of the measured models, by the architecture table."""
    text = [
        "# Shapes of the models in measured.csv, made by tools/memory_table.py --write from",
        "# tests/memory/measured_configs.toml.",
    ]
    usual = {part.name: part.default for part in fields(Shape)}
    for name, row in tomllib.loads(CONFIGS.read_text(encoding="utf-8")).items():
        shape = architecture.shape(dict(row["config"]), name)
        shape = replace(
            shape,
            model_type=row.get("as", shape.model_type),
            activation=row.get("activation", shape.activation),
        )
        text.append(f'\n["{name}"]')
        for part in fields(Shape):
            value = getattr(shape, part.name)
            if value != usual[part.name]:
                text.append(f"{part.name} = {json.dumps(value)}")
    return "\n".join(text) + "\n"


CLASSES: dict[str, Callable[[measured.Row], bool]] = {
    "one card": lambda row: _single(row) and row.metric in ("allocated", "needed"),
    "one card, reserved": lambda row: (
        _single(row) and row.metric in ("reserved", "device") and not row.job.padding
    ),
    "one card, varying lengths": lambda row: (
        _single(row) and row.metric in ("reserved", "device") and row.job.padding
    ),
    "traced": lambda row: _single(row) and row.metric == "allocated" and row.held_out,
    "several cards": lambda row: row.job.gpus > 1 or row.group == "qwen-zero3",
    "never compared": lambda row: row.group in OUTSIDE,
}


def _single(row: measured.Row) -> bool:
    return row.job.gpus == 1 and not row.job.zero_stage and row.group not in OUTSIDE


def ranges(compared: list[Compared]) -> str:
    """`confidence.toml`: for each class of jobs the factors measured/predicted that nine in ten
    rows lie between. What is never compared takes the range of loops that no trace describes;
    an unknown architecture takes that range times what guessing a known one would cost; a run on
    the CPU may take what malloc was seen to keep."""
    text = [
        "# Ranges of the estimate by class of job, computed by tools/memory_table.py --write.",
        "# n figures; ninety: nine in ten errors are within; low, high: 5th and 95th percentile of",
        "# measured/predicted (smallest and largest where n < 20), widened to hold 1.",
    ]
    for name, member in CLASSES.items():
        chosen = [one for one in compared if member(one.row)]
        factors = [one.row.gib / one.predicted for one in chosen]
        text += _range(name, factors, ninety(one.error for one in chosen))
        if name == "never compared":
            outside = _ends(factors)
    text += _cpu()
    guesses = guessed()
    low, high = _ends(guesses)
    text += _range(
        "unknown architecture",
        guesses,
        ninety(1 / factor - 1 for factor in guesses),
        (low * outside[0], high * outside[1]),
    )
    return "\n".join(text) + "\n"


def _cpu() -> list[str]:
    runs = [Compared(row, predicted(row)) for row in measured.read(CPU_RUNS)]
    runs = [one for one in runs if not one.row.name.endswith("-tiny")]
    factors = [one.row.gib / one.predicted for one in runs]
    low, high = _ends(factors)
    ends = (low, high * KEPT_BY_MALLOC)
    return _range("on the CPU", factors, ninety(one.error for one in runs), ends)


def _ends(factors: Iterable[float]) -> tuple[float, float]:
    factors = sorted(factors)
    skip = int(0.05 * (len(factors) - 1)) if len(factors) >= 20 else 0
    return min(1.0, factors[skip]), max(1.0, factors[-1 - skip])


def _range(
    name: str, factors: list[float], within: float, ends: tuple[float, float] | None = None
) -> list[str]:
    low, high = ends or _ends(factors)
    return [
        f'\n["{name}"]',
        f"n = {len(factors)}",
        f"ninety = {within:.4f}",
        f"low = {low:.4f}",
        f"high = {high:.4f}",
    ]


def guessed() -> list[float]:
    """What the estimate of a known architecture is, divided by that of the same config.json under
    a name that nobody knows: each measured model, four jobs."""
    jobs = [
        Job(max_length=2048, micro_batch=2, method="qlora"),
        Job(max_length=2048, micro_batch=2, loss="fused", attention="flash_attention_2"),
        Job(max_length=2048, gradient_checkpointing=False),
        Job(max_length=2048, method="full"),
    ]
    factors = []
    for name, row in tomllib.loads(CONFIGS.read_text(encoding="utf-8")).items():
        config: dict[str, Any] = row["config"]
        known = architecture.shape(dict(config), name)
        guess = architecture.shape({**config, "model_type": "nobody_knows"}, name)
        factors += [estimate(known, job).needed / estimate(guess, job).needed for job in jobs]
    return factors


def made(compared: list[Compared]) -> dict[Path, str]:
    """Every file that this tool makes, with its text of today."""
    return {
        measured.MODELS: models(),
        confidence.TABLE: ranges(compared),
        PAGE: page(PAGE.read_text(encoding="utf-8"), compared),
    }


def main() -> int:
    """Print the tables, write the files, or check them; the exit code."""
    if "--write" in sys.argv:
        measured.MODELS.write_text(models(), encoding="utf-8")  # the rows are read with them
    compared = rows()
    if "-v" in sys.argv:
        for one in compared:
            figures = f"{one.error:+7.1%} {one.row.gib:7.2f} {one.predicted:7.2f}"
            print(f"{figures} {'held ' if one.row.held_out else '     '}{one.row.id}")
    if "--write" in sys.argv:
        for path, text in made(compared).items():
            path.write_text(text, encoding="utf-8")
    elif "--check" in sys.argv:
        old = [path for path, text in made(compared).items() if path.read_text() != text]
        for path in old:
            print(f"{path.relative_to(ROOT)}: out of date, run tools/memory_table.py --write")
        return 1 if old else 0
    else:
        print(bar(compared), table(compared, False), table(compared, True), sep="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
