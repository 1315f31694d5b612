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
    """Packed rows need an attention that keeps them apart.

    With flash attention packed rows do not see each other. With sdpa and bf16 Axolotl says that the
    loss may be 0.0; LLaMA-Factory keeps rows apart with flash attention only. Axolotl on CPU in
    fp32 packs with sdpa and was seen to train.

    Source: axolotl#1806, axolotl PR#1465; LLaMA-Factory#8088; functionary#265 (37.55 in place of
    44.14).
    """
    plan = case.plan
    if not plan.packing or plan.attention == "flash_attention_2" or case.preference:
        return
    if case.version("llamafactory") or (case.version("axolotl") and plan.dtype != "fp32"):
        text = f"packing with {plan.attention} attention: rows may reach into each other"
        remedy = "set attention = 'flash_attention_2' on Ampere or newer, or packing = false"
        yield Fault(WHERE, text, remedy)


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
