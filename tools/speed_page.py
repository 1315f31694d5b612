"""Makes docs/speed.md: the time model against published runs.

`python tools/speed_page.py --check` writes nothing and exits 1 when a page is out of date; `-v`
prints every run of `tests/memory/speeds.toml`.
"""

from __future__ import annotations

import statistics
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "compiler"))

from ftc.memory.cards import find  # noqa: E402 - found by the line above
from ftc.memory.disk import disk  # noqa: E402
from ftc.memory.job import GIB, Job  # noqa: E402
from ftc.memory.measured import models  # noqa: E402
from ftc.memory.shape import Shape  # noqa: E402
from ftc.memory.speed import TABLE, seconds_per_step, timing  # noqa: E402

RUNS = ROOT / "tests" / "memory" / "speeds.toml"
DISKS = ROOT / "tests" / "memory" / "disks.toml"
PAGE = ROOT / "docs" / "speed.md"
MADE = "<!-- Made by `python tools/speed_page.py` from the code; do not edit. -->\n\n"
STACKS = {
    "qwen-lora": "transformers, peft",
    "qwen-zero3": "transformers, peft, DeepSpeed ZeRO-3",
    "qwen-gptq": "the same on GPTQ kernels, which ftc's tools do not use",
    "peft": "transformers, peft; short rows, no checkpointing",
    "soup": "transformers, peft; with and without Liger and FlashAttention",
    "llamafactory": "LLaMA-Factory, very short rows",
    "canifinetune": "transformers, peft, bitsandbytes; the first steps, on Windows",
    "axolotl": "Axolotl, a mixture of 16 experts in 4 bit",
    "litgpt": "own model code, very short rows, half of it bitsandbytes",
    "llm-foundry": "own model code, FSDP on 8 cards, pretraining",
    "torchtune": "own model code with torch.compile",
}


@dataclass(frozen=True)
class Row:
    """A published run: seconds of an optimizer step, measured and by the model."""

    group: str
    model: str
    card: str
    job: Job
    seen: bool
    source: str
    measured: float
    fast: float
    middle: float
    slow: float

    @property
    def inside(self) -> bool:
        """Whether the measurement lies in the range of a fast and a slow run."""
        return self.fast <= self.measured <= self.slow

    @property
    def error(self) -> float:
        """Share by which the middle of the range is longer (+) or shorter (-)."""
        return self.middle / self.measured - 1

    @property
    def name(self) -> str:
        """What was run."""
        job = self.job
        size = f"{job.max_length}x{job.micro_batch}"
        return f"{self.group}: {self.model} {job.method} {size} on {self.card}"


def rows() -> list[Row]:
    """Every run of the fixture with what the model says."""
    table = tomllib.loads(RUNS.read_text(encoding="utf-8"))
    known = {part.name for part in fields(Shape)}
    shapes = dict(models())
    for name, row in table["model"].items():
        shapes[name] = Shape(**{key: value for key, value in row.items() if key in known})
    return [_row(run, shapes[run["model"]]) for run in table["run"]]


def _row(run: dict[str, Any], shape: Shape) -> Row:
    given = dict(run["job"])
    if "targets" in given:
        given["targets"] = tuple(given["targets"])
    job, card = Job(**given), find(run["card"])
    took = timing(shape, job, card, steps=1, row_tokens=job.max_length)
    assert took.hours is not None, run["card"]
    measured = run["value"]
    if run["figure"] == "tokens per second":
        measured = took.tokens / job.gpus / measured
    return Row(
        group=run["group"],
        model=run["model"],
        card=card.name,
        job=job,
        seen=run["seen"],
        source=run["source"],
        measured=measured,
        fast=took.hours[0] * 3600,
        middle=seconds_per_step(shape, job, card),
        slow=took.hours[1] * 3600,
    )


INTRO = """# How long a run takes

`ftc estimate` says hours as a range, and the search for settings that fit takes the fastest by
the middle of it. **No card was used by this project**: every measured figure here is somebody
else's, with its source in `tests/memory/speeds.toml`. The code is `compiler/ftc/memory/work.py`
(what a step does) and `speed.py` (how long that takes).

## The model

A micro-step takes the longer of the host's time and the card's:

- *Products*, pass by pass (forward, recomputation, backward, reference): operations over the
  card's 16-bit rate times a share, or reading the weights once, whichever is longer. Small
  micro-batches are bound by the latter.
- *Other kernels*: the bytes that norms, rotation, activation, residuals, the casts around
  adapters and the loss read and write, counted kernel by kernel, over the bandwidth. Liger's
  kernels move fewer. Eager attention writes out its scores.
- *Unpacking*: quantised weights are unpacked in every pass, whatever the tokens: 2 bytes written
  and half a byte read a weight, far below the bandwidth. So QLoRA costs most in small batches.
- *Host*: Python and kernel launches, a share a block and pass; more with adapters, and more with
  ZeRO-3. Short rows one at a time are bound by it on any modern card.

An optimizer step is all its micro-steps, the optimizer's own bytes (with `adamw_torch`, which
runs twelve kernels where fused runs one, 3.4 times as many), and communication.

Operations: 2 a weight and token forward, head included; attention 2 x keys x (query and value
elements), half of the row under a causal kernel, all of it under a mask or eager; backward twice
of forward in full fine-tuning; with adapters once through the frozen weights, twice through
attention and adapters; checkpointing the blocks once more; dpo one forward of the reference, kto
three; of a mixture the active experts only. torch's own counter says the same for a small Llama
with and without peft (`tests/test_speed.py`). `utilisation` counts recomputation as work (HFU).
"""
DISK = """## What a run writes

A checkpoint holds the trained weights in the type they are trained in (adapters fp32; full
fine-tuning fp32 or bf16, bf16 under DeepSpeed), two moments as wide, the tokenizer, and small
files; the result holds the weights and the tokenizer again. While a checkpoint is written, the
oldest is still there. Both tools write the same files: runs of two steps on SmolLM2-135M with
LLaMA-Factory 0.9.5 and Axolotl 0.21.0 on a CPU (`tests/memory/disks.toml`); a test repeats it on a
tiny model. What DeepSpeed writes (16 B a weight) is read off its code, never seen.

| run | said, MB | written, MB |
|---|---|---|
"""
OUTRO = """## Where it fails

- Other people's tools, versions and machines: the rates were chosen after seeing the rows marked
  so, from 2023 (A100) and 2026 (H100). A compiled model (torchtune with `torch.compile`) is
  faster than the range; the first steps, Windows, or a spilled memory are slower.
- Plain math attention, which SDPA falls back to in some builds, is not counted (canifinetune).
- Rows of uneven length in a batch are padded to the longest; that is not counted unless rows are
  packed. Loading the model, reading data, saving and generating are not counted either.
- Communication is the roughest part: one figure a link, no topology, no network between machines.
  Offloading takes the main memory's bus at 16 GB/s.
- Mixtures: one run was compared (Axolotl, experts one after the other), and it took twice as long
  as the middle of the range. Preference stages and AMD cards were never compared with a run.
- A card runs at its highest clock only while it is cool and has its full power limit.
"""


def page(measured: list[Row]) -> str:
    """The model, its rates, the comparison, and what settings cost by it."""
    lines = [MADE + INTRO, "## What it takes for granted", ""]
    lines += ["| rate | slow | fast | unit | kind | source |", "|---|---|---|---|---|---|"]
    for name, row in tomllib.loads(TABLE.read_text(encoding="utf-8")).items():
        figures = f"{row['slow']:g} | {row['fast']:g} | {row['unit']}"
        lines.append(f"| {name} | {figures} | {row['kind']} | {row['source']} |")
    lines += ["", *_compared(measured), "", *_costs(), "", DISK + "\n".join(_disks()), "", OUTRO]
    return "\n".join(lines)


def _compared(measured: list[Row]) -> Iterator[str]:
    blind = [row for row in measured if not row.seen]
    yield "## Against published runs"
    yield ""
    yield "Seconds of a step. *Inside*: the measurement lies in the range. Error of its middle:"
    yield "above 0, the model is too slow. *Blind*: no rate was chosen by looking at the run."
    yield ""
    yield "| runs | stack | rows | inside | median error | bias | blind rows |"
    yield "|---|---|---|---|---|---|---|"
    for group in dict.fromkeys(row.group for row in measured):
        yield _line(group, STACKS[group], [row for row in measured if row.group == group])
    yield _line("**all**", "", measured)
    yield _line("**all blind**", "", blind)
    wide = statistics.median(row.slow / row.fast for row in measured)
    yield ""
    yield f"The slow end of the range is {wide:.1f} times the fast one in the median."
    yield ""
    yield "Outside of the range:"
    yield ""
    yield "| run | measured, s | range, s | middle |"
    yield "|---|---|---|---|"
    for row in measured:
        if not row.inside:
            span = f"{row.fast:.2f} to {row.slow:.2f}"
            yield f"| {row.name} | {row.measured:.2f} | {span} | {row.error:+.0%} |"


def _line(name: str, stack: str, chosen: list[Row]) -> str:
    errors = [row.error for row in chosen]
    middle, bias = statistics.median(map(abs, errors)), statistics.median(errors)
    inside, blind = sum(row.inside for row in chosen), sum(not row.seen for row in chosen)
    figures = f"{len(chosen)} | {inside} | {middle:.0%} | {bias:+.0%} | {blind}"
    return f"| {name} | {stack} | {figures} |"


def _costs() -> Iterator[str]:
    """What the model says that settings cost, on a Llama-3.1-8B."""
    shape, card = models()["llama3.1-8b"], find("A100 80GB")
    base = Job(max_length=2048, micro_batch=4, attention="flash_attention_2", padding=False)
    single = replace(base, micro_batch=1)
    short = replace(single, max_length=512)
    changes: list[tuple[str, Job, Job, str]] = [
        ("checkpointing", base, replace(base, gradient_checkpointing=False), CHECKPOINTING),
        ("without Liger", base, replace(base, liger=True, loss="fused"), LIGER),
        ("QLoRA, 4 rows of 2048", replace(base, method="qlora"), base, ""),
        ("QLoRA, 1 row of 2048", replace(single, method="qlora"), single, QLORA),
        ("QLoRA, 1 row of 512", replace(short, method="qlora"), short, ""),
        ("full instead of LoRA", replace(base, method="full"), base, FULL),
        ("every layer instead of q, k, v", base, replace(base, targets=QKV), TARGETS),
        ("DPO instead of SFT, as many tokens", *_pairs(base), ""),
    ]
    yield "## What settings cost by the model"
    yield ""
    yield "Llama-3.1-8B, LoRA of rank 16 on every layer, one A100, 4 rows of 2048 tokens, the"
    yield "middle of the range. ms-swift: docs/source_en/LLM/Benchmark.md @46922151, one A100, rows"
    yield "of up to 2048 tokens."
    yield ""
    yield "| setting | time | published |"
    yield "|---|---|---|"
    for name, dear, cheap, said in changes:
        more = seconds_per_step(shape, dear, card) / seconds_per_step(shape, cheap, card) - 1
        yield f"| {name} | {more:+.0%} | {said} |"


LIGER = "20 % in the mean (arXiv 2410.10989, vendor); 5 % (Soup issue 78, H100)"
QLORA = "39 % (Raschka 2023, 7B on an A100, not looked up); 79 % (ms-swift, bnb 0.41, 7B)"
QKV = ("q_proj", "k_proj", "v_proj")
CHECKPOINTING = "44 % (ms-swift, 7B, LoRA on q, k, v)"
FULL = "-2 % (ms-swift, 7B, against LoRA on every layer)"
TARGETS = "34 % (ms-swift, 7B)"


def _disks() -> Iterator[str]:
    """Predicted checkpoints beside those of real runs."""
    table = tomllib.loads(DISKS.read_text(encoding="utf-8"))
    for run in table["run"]:
        said = disk(Shape(**table["shape"]), Job(**run["job"]), kept=1).checkpoint * GIB / 1e6
        written = ", ".join(f"{size / 1e6:,.2f}" for size in run["checkpoint"])
        yield f"| {run['name']} | {said:,.2f} | {written} |"


def _pairs(base: Job) -> tuple[Job, Job]:
    return replace(base, stage="dpo", micro_batch=base.micro_batch // 2), base


def main() -> int:
    """Write the page, or compare it."""
    if "-v" in sys.argv:
        for row in rows():
            mark = " " if row.inside else "*"
            span = f"{row.measured:9.3f} [{row.fast:9.3f} {row.slow:9.3f}]"
            print(f"{mark} {span} {row.error:+5.0%} {row.name}")
        return 0
    text = page(rows())
    if PAGE.is_file() and PAGE.read_text("utf-8") == text:
        print("docs: nothing changed")
        return 0
    if "--check" in sys.argv:
        print("out of date: speed.md; run: make docs", file=sys.stderr)
        return 1
    PAGE.write_text(text, "utf-8")
    print("docs: speed.md changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
