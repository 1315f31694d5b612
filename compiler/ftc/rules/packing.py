"""Faults of packing several rows into one window."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.diagnostics import Severity
from ftc.rules.case import Case, Fault, graded, path

WHERE = path("packing")


def rl_packing(case: Case) -> Iterator[Fault]:
    """Packing is asked for in preference training.

    Pairs cannot share a window: Axolotl refuses, LLaMA-Factory ignores it.

    Source: Axolotl `utils/schemas/validation.py` (packing with `rl`); LLaMA-Factory
    `hparams/parser.py` (`neat_packing` only with sft).
    """
    if case.plan.packing and case.preference:
        yield Fault(WHERE, f"packing with {case.plan.stage}", "set packing = false")


def packing_needs_varlen(case: Case) -> Iterator[Fault]:
    """Packed rows without flash attention.

    Flash attention keeps packed rows apart at no cost. Without it both tools build a mask: right,
    but its memory grows with the square of the length. And with sdpa in bf16 on cards older than
    Hopper Axolotl itself says that the loss may be 0.0. A warning and no error: in the versions
    that ftc supports packed rows were seen to give the logits of separate rows (within 1e-7).

    Source: axolotl#1806, axolotl PR#1465 and its schema; LLaMA-Factory#8088 and its collator; seen
    with transformers 5.6.0, 5.16.1 and 5.20.1.
    """
    plan, capability = case.plan, case.facts.hardware.capability
    if not plan.packing or plan.attention == "flash_attention_2" or case.preference:
        return
    risky = plan.attention == "sdpa" and plan.dtype == "bf16" and bool(case.version("axolotl"))
    hopper = capability is not None and capability >= (9, 0)
    text = f"packing with {plan.attention} attention needs a mask of {plan.max_length:,} squared"
    if risky and not hopper:
        text += "; in bf16 Axolotl says that the loss may be 0.0"
    remedy = "set attention = 'flash_attention_2' on Ampere or newer, or packing = false"
    yield Fault(WHERE, text, remedy, "warning" if risky and not hopper else "info")


def packing_micro_batch(case: Case) -> Iterator[Fault]:
    """LLaMA-Factory packs with flash attention for a micro batch of one window only.

    With more it stops at the first step ("bsz should be 1 for neat packing").

    Source: LLaMA-Factory 0.9.5 `data/collator.py::SFTDataCollatorWith4DAttentionMask`.
    """
    plan = case.plan
    flash = plan.packing and plan.attention == "flash_attention_2" and plan.stage == "sft"
    if flash and plan.micro_batch > 1 and case.version("llamafactory"):
        text = f"micro_batch {plan.micro_batch} with packing stops LLaMA-Factory at the first step"
        each = plan.gradient_accumulation * plan.micro_batch
        remedy = f"set micro_batch = 1 and gradient_accumulation = {each}"
        yield Fault(path("micro_batch"), text, remedy)


def _windows(case: Case) -> float:
    """Full windows per epoch."""
    rows = case.facts.data.train.total
    return sum(rows[i] for i in case.fitting) / case.plan.max_length


def packing_too_little_data(case: Case) -> Iterator[Fault]:
    """Packed rows make too few windows for the batch.

    An error when not one batch per epoch is left (a tool stops with StopIteration or makes no
    step), a warning below ten.

    Source: axolotl#1212, #999, #1644, #836; axolotl PR#873, PR#3100.
    """
    if not case.plan.packing or not case.fitting or case.preference:
        return
    windows, batch = _windows(case), case.plan.effective_batch
    batches = windows / batch
    if batches < 10:
        text = f"packing leaves {windows:.0f} windows, {batches:.1f} batches of {batch} an epoch"
        severity = graded(batches < 1)
        yield Fault(WHERE, text, "set packing = false, or a smaller effective_batch", severity)


def packing_batch_meaning(case: Case) -> Iterator[Fault]:
    """With packing a batch counts windows, not rows.

    The same `effective_batch` then holds several times as many rows, and there are as many times
    fewer steps: learning rate and epochs chosen without packing no longer fit. A warning where a
    step holds more rows than are advised (32 with LoRA, 128 in full), else a remark.

    Source: LoRA Without Regret (below 32); Axolotl `utils/samplers/multipack.py`, LLaMA-Factory
    `data/processor/supervised.py`.
    """
    if not case.plan.packing or not case.fitting or case.preference:
        return
    per_window = len(case.fitting) / max(_windows(case), 1)
    if per_window >= 2 and case.plan.effective_batch > 1:
        batch, advised = case.plan.effective_batch, 32 if case.adapter else 128
        rows = batch * per_window
        text = f"a window holds {per_window:.1f} rows: a batch of {batch} holds about {rows:.0f}"
        smaller = max(1, min(round(batch / per_window), int(advised / per_window)))
        remedy = f"set effective_batch = {smaller} for about {smaller * per_window:.0f} rows a step"
        severity: Severity = "warning" if rows > advised else "info"
        yield Fault(path("effective_batch"), text, remedy, severity)
