"""Faults of preference training: its rate, its strength and its pairs."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.rules.case import Case, Fault, path, share

DPO_RATE = {"full": 5e-6, "lora": 2e-5, "qlora": 2e-5}


def dpo_beta_zero(case: Case) -> Iterator[Fault]:
    """Beta is zero, so that preference training learns nothing.

    The loss then stands at 0.6931 and all rewards are zero.

    Source: trl#1627, trl#1311.
    """
    beta = case.plan.preference_beta
    if case.preference and not beta:
        text = "beta 0 makes every answer equally good: the loss stays at 0.6931"
        yield Fault(path("preference_beta"), text, "set preference.beta = 0.1")


def dpo_lr(case: Case) -> Iterator[Fault]:
    """The learning rate is too high for preference training.

    Preference training moves the whole distribution; at rates that suit plain fine-tuning the model
    collapses into repetition.

    Source: alignment-handbook (full 5e-7, QLoRA 5e-6); Tinker (1e-5); llama3-Chinese-chat#41.
    """
    rate, limit = case.plan.learning_rate, DPO_RATE[case.plan.method]
    if case.preference and rate > limit:
        text = f"learning rate {rate:g} with {case.plan.stage}; above {limit:g} models collapse"
        yield Fault(path("learning_rate"), text, "set learning_rate = 5e-6, or 5e-7 for full")


def dpo_epochs(case: Case) -> Iterator[Fault]:
    """More than three epochs of preference training.

    Preference training overfits faster than plain fine-tuning; published runs make one epoch.

    Source: alignment-handbook (1 epoch); llama3-Chinese-chat#41 (4 epochs of DPO: loss 0.1, broken
    answers).
    """
    if case.preference and case.plan.epochs > 3:
        text = f"{case.plan.epochs:g} epochs of {case.plan.stage}; published runs make one"
        yield Fault(path("epochs"), text, "set epochs = 1")


def same_pair(case: Case) -> Iterator[Fault]:
    """A preference row has the same text as chosen and as rejected.

    Such a pair has no gradient, and usually means that a column was mapped twice.

    Source: DPO, Rafailov et al. 2023, arXiv 2305.18290: the gradient is a difference of both.
    """
    same = case.facts.data.same_pair
    if case.preference and same:
        rows = len(case.facts.data.train.total) + len(case.facts.data.eval.total)
        text = f"chosen equals rejected in {share(same, rows)}"
        yield Fault(case.data_path, text, "remove these rows, or check data.columns")
