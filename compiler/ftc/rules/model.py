"""Faults of the model as it was found: its context, its storage, its version."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ftc.rules.case import Case, Fault, path

COMMIT = re.compile(r"[0-9a-f]{40}")


def seq_over_max_pos(case: Case) -> Iterator[Fault]:
    """max_length is longer than the context the model was trained for.

    Past it the positions are unknown to the model. Axolotl raises the number in the config without
    a word, LLaMA-Factory needs a RoPE method; the recipe has none.

    Source: LLaMA-Factory#6199, LLaMA-Factory#633; Axolotl `loaders/model.py`.
    """
    shape = case.facts.model.shape
    if shape is not None and 0 < shape.max_positions < case.plan.max_length:
        text = f"max_length {case.plan.max_length:,} is over the model's {shape.max_positions:,}"
        remedy = f"set max_length = {shape.max_positions}, or take a long-context model"
        yield Fault(path("max_length"), text, remedy)


def quantised_full_ft(case: Case) -> Iterator[Fault]:
    """Full fine-tuning of a base that is stored quantised.

    Quantised weights have no gradient: only an adapter on top of them can be trained.

    Source: LLaMA-Factory `model/adapter.py::init_adapter` refuses it; Axolotl's schema wants an
    adapter with a quantised base.
    """
    shape = case.facts.model.shape
    if shape is not None and shape.quantized and case.plan.method == "full":
        text = f"the base is stored in {shape.quantized} and cannot be trained in full"
        yield Fault(path("method"), text, "set method = 'lora', or take the 16-bit checkpoint")


def model_not_pinned(case: Case) -> Iterator[Fault]:
    """A hub model without a commit.

    The same recipe may train another model next month. A remark, since gated and missing models are
    found when the facts are gathered.

    Source: transformers documentation of `revision`; both tools take one.
    """
    from_hub = case.facts.model.folder is None or "/" not in str(case.plan.model)[:1]
    revision = case.plan.model_revision or ""
    if from_hub and not COMMIT.fullmatch(revision):
        text = f"{case.plan.model} is taken at {revision or 'its newest state'}"
        yield Fault("model.revision", text, "set model.revision to a commit")


def moe_full_memory(case: Case) -> Iterator[Fault]:
    """Full fine-tuning of a mixture-of-experts model.

    All experts are trained and held, though each token uses a few: memory is that of the whole
    model, and rarely used experts get almost no signal.

    Source: judgment; the memory formula counts all experts.
    """
    shape = case.facts.model.shape
    if shape is not None and shape.experts > 0 and case.plan.method == "full":
        text = f"all {shape.experts} experts of each layer are trained"
        yield Fault(path("method"), text, "set method = 'lora' unless the data is large")
