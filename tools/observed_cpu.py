"""Trains small models on a CPU with both tools and holds the memory formula against what they took.

python tools/observed_cpu.py --run FOLDER   trains every run of tests/memory/cpu_runs.toml (an hour
                                            on one core; those that are in FOLDER are not repeated)
                                            and keeps what was seen in tests/memory/cpu_runs.csv
python tools/observed_cpu.py                prints the table; --write puts it in docs/memory.md
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "compiler"), str(ROOT / "tests")]

from small_models import make  # noqa: E402 - found by the line above

from ftc.build import build  # noqa: E402
from ftc.estimate import observe  # noqa: E402
from ftc.memory.measured import Row, read  # noqa: E402
from ftc.memory.nearest import predicted  # noqa: E402
from ftc.run import environments, handover, record  # noqa: E402

CASES = ROOT / "tests" / "memory" / "cpu_runs.toml"
KEPT = CASES.with_suffix(".csv")
PAGE = ROOT / "docs" / "memory.md"
START, END = "<!-- made by tools/observed_cpu.py -->", "<!-- end of the CPU runs -->"
STEPS = 2  # the optimizer's state is there from the end of the first
ROWS = 120  # as few as ftc lets pass
# glibc keeps freed tensors of up to 32 MiB for itself, which doubles what a process seems to use;
# with this threshold (bytes) each goes back when it is freed, at the cost of time.
RETURNED = 2**16
TINY = "llama-tiny"
# Runs in LLaMA-Factory's interpreter: random weights for the folder's config.json.
WEIGHTS = """
import sys, torch
from transformers import AutoConfig, AutoModelForCausalLM
torch.manual_seed(0)
config = AutoConfig.from_pretrained(sys.argv[1])
AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(sys.argv[1])
"""
RECIPE = """
name = "{name}"
model = {{ id = {model}, family = "chatml" }}
method = "{method}"
data = {{ path = "{name}.jsonl", eval = 0.0 }}
hardware = {{ device = "cpu" }}
{lora}
[training]
learning_rate = 1e-5
warmup_steps = 0
dtype = "fp32"
micro_batch = {micro_batch}
gradient_accumulation = {gradient_accumulation}
gradient_checkpointing = {gradient_checkpointing}
attention = "{attention}"
max_steps = {steps}
save_steps = 1000
logging_steps = 1
max_length = {max_length}
"""
LORA = "lora = { rank = 16, alpha = 32, dropout = 0.0 }"


def cases() -> list[dict[str, Any]]:
    """Every run of the file with all of its settings and a name of its own."""
    table = tomllib.loads(CASES.read_text("utf-8"))
    found = [table["usual"] | run for run in table["run"]]
    for case in found:
        parts = (case["backend"][:5], case["model"], case["method"], case["max_length"])
        flags = "" if case["gradient_checkpointing"] else "-kept"
        flags += "-eager" if case["attention"] == "eager" else ""
        case["name"] = "-".join(str(part) for part in (*parts, case["micro_batch"])) + flags
    return found


def model(folder: Path, name: str) -> Path:
    """A model folder of a shape of the file: random weights, a small tokenizer."""
    made = folder / "models" / name
    if (made / "model.safetensors").is_file():
        return made
    make(made, "chatml")
    path = made / "config.json"
    shape = tomllib.loads(CASES.read_text("utf-8"))["model"][name]
    limit = {"max_position_embeddings": 4096}
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | shape | limit), "utf-8")
    python = environments.require("llamafactory", "", "cpu").python
    subprocess.run([str(python), "-c", WEIGHTS, str(made)], check=True, capture_output=True)
    return made


def rows(path: Path, place: Path, case: dict[str, Any]) -> None:
    """Rows of up to the greatest length, of several lengths below it by a few tokens.

    So the batches are padded, and attention is given a mask, as with real rows.
    """
    from tokenizers import Tokenizer  # noqa: PLC0415 - only runs need it

    core = Tokenizer.from_file(str(place / "tokenizer.json"))
    with path.open("w", encoding="utf-8") as out:
        for number in range(ROWS):
            chat = _chat(core, number, case["max_length"] - number % 5)
            out.write(json.dumps({"messages": chat}) + "\n")


def _chat(core: Any, number: int, wanted: int) -> list[dict[str, str]]:
    """A chat of `wanted` tokens in the ChatML template."""
    words, low, high = [f"{number}"], 1, wanted
    while low < high:
        middle = (low + high + 1) // 2
        if _length(core, [*words, *["cat"] * middle]) <= wanted:
            low = middle
        else:
            high = middle - 1
    text = " ".join([*words, *["cat"] * low])
    return [{"role": "user", "content": "Go on."}, {"role": "assistant", "content": text}]


def _length(core: Any, words: list[str]) -> int:
    text = "<|im_start|>user\nGo on.<|im_end|>\n<|im_start|>assistant\n"
    return len(core.encode(f"{text}{' '.join(words)}<|im_end|>\n").ids)


def run(folder: Path, case: dict[str, Any]) -> Path:
    """The folder of a finished run of a case, trained now if it is not there."""
    name = case["name"]
    for old in record.listing(folder / "runs"):
        if old.folder.name.startswith(f"{name}-{case['backend']}-") and old.state == "finished":
            return old.folder
    place = model(folder, case["model"])
    rows(folder / f"{name}.jsonl", place, case)
    settings = {key: str(it).lower() if isinstance(it, bool) else it for key, it in case.items()}
    lora = LORA if case["method"] == "lora" else ""
    (folder / f"{name}.toml").write_text(
        RECIPE.format(**settings | {"model": json.dumps(str(place)), "lora": lora, "steps": STEPS}),
        "utf-8",
    )
    backend, version = environments.spec(case["backend"])
    made = build(
        folder / f"{name}.toml",
        backend,
        version,
        out=folder / "build",
        offline=True,
        ignore=["too-many-epochs"],
    )
    ended = handover.run(
        made.folder,
        backend,
        version,
        runs=folder / "runs",
        resume=False,
        offline=True,
        on_event=lambda event: None,
    )
    print(f"{name}: {ended.peak.line()}, {ended.seconds:.0f} s", flush=True)
    return ended.folder


def train(folder: Path) -> None:
    """Every run of the file, and its row in the file of kept ones."""
    folder.mkdir(parents=True, exist_ok=True)
    for case in cases():
        observe.keep(KEPT, observe.observe(run(folder.absolute(), case)))


def table(kept: tuple[Row, ...]) -> str:
    """Markdown: a line a run, then bias and median of what is not the tiny model's."""
    late = {row.group: row.gib - predicted(row) for row in kept if row.name.startswith(TINY)}
    lines = [
        "| run | tool | predicted | measured | error | without the libraries' late share |",
        "|---|---|---|---|---|---|",
    ]
    errors = []
    for row in kept:
        if row.name.startswith(TINY):
            continue
        guess, own = predicted(row), row.gib - late.get(row.group, 0.0)
        errors.append((guess / row.gib - 1, guess / own - 1))
        lines.append(
            f"| {_said(row)} | {row.group} | {guess:.2f} | {row.gib:.2f} "
            f"| {errors[-1][0]:+.1%} | {errors[-1][1]:+.1%} |"
        )
    for what, figure in (("bias (median)", lambda it: it), ("median error", abs)):
        cells = [statistics.median(figure(pair[i]) for pair in errors) for i in (0, 1)]
        shown = [f"{it:+.1%}" if figure is not abs else f"{it:.1%}" for it in cells]
        lines.append(f"| **{what}** | | | | {shown[0]} | {shown[1]} |")
    shares = ", ".join(f"{group} {size:.2f} GiB" for group, size in sorted(late.items()))
    return "\n".join(lines) + f"\n\nThe libraries' late share: {shares}."


def _said(row: Row) -> str:
    job = row.job
    extra = "" if job.gradient_checkpointing else ", no checkpointing"
    extra += ", eager attention" if job.attention == "eager" else ""
    extra += f", {job.gradient_accumulation} accumulated" if job.gradient_accumulation > 1 else ""
    return f"{row.name}, {job.method}, {job.max_length} x {job.micro_batch}{extra}"


def page(text: str, block: str) -> str:
    """The documentation page with the table between its two marks replaced."""
    before, rest = text.split(START, 1)
    return f"{before}{START}\n\n{block}\n\n{END}{rest.split(END, 1)[1]}"


def main() -> None:
    """Train, print the table, or write it into the page."""
    parser = argparse.ArgumentParser(description="Hold the memory formula against runs on a CPU.")
    parser.add_argument("--run", type=Path, metavar="FOLDER", help="train there what is missing")
    parser.add_argument("--write", action="store_true", help="write the table into docs/memory.md")
    parser.add_argument("--check", action="store_true", help="fail when the page is out of date")
    asked = parser.parse_args()
    if asked.run:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        os.environ["MALLOC_MMAP_THRESHOLD_"] = str(RETURNED)
        train(asked.run)
    made = table(read(KEPT))
    before = PAGE.read_text("utf-8")
    after = page(before, made)
    if asked.check and after != before:
        sys.exit("out of date: memory.md; run: make docs")
    if asked.write:
        PAGE.write_text(after, "utf-8")
    elif not asked.check:
        print(made)


if __name__ == "__main__":
    main()
