"""Faults of tokens = "exact": rows that ftc cannot write as tokens."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.rules.case import PREFERENCE, Case, Fault

WHERE = "data.tokens"
REMEDY = 'leave data.tokens = "exact" out'


def exact_preference(case: Case) -> Iterator[Fault]:
    """Tokens of ftc's own are asked for in preference training.

    The trainers of both tools make the tokens of pairs and ratings themselves, from text; neither
    reads rows of ids there.

    Source: Axolotl's `skip_prepare_dataset` and TRL's trainers; LLaMA-Factory's `PairwiseDataset`.
    """
    if case.plan.tokens == "exact" and case.plan.stage in PREFERENCE:
        text = f"the trainers make the tokens of {case.plan.stage} rows themselves"
        yield Fault(WHERE, text, REMEDY)


def exact_without_tokenizer(case: Case) -> Iterator[Fault]:
    """Tokens of ftc's own are asked for, and there is nothing to make them with.

    They need the model's tokenizer.json at hand, its end-of-text token, and for chats its chat
    template: ftc writes no template of its own into rows.

    Source: `ftc.facts.exact`.
    """
    if case.plan.tokens != "exact" or case.plan.stage in PREFERENCE:
        return
    tokenizer = case.facts.model.tokenizer
    if tokenizer is None:
        text = f"the tokenizer of {case.facts.model.id} is not at hand"
        other = REMEDY if case.said("tokens") else f'for Axolotl alone set {WHERE} = "native"'
        yield Fault(WHERE, text, f"download the model, or {other}")
    elif case.plan.segments == "all":
        return
    elif case.plan.stage == "sft" and not tokenizer.chat_template:
        yield Fault(WHERE, "the model has no chat template to lay chats out with", REMEDY)
    elif not tokenizer.eos:
        yield Fault(WHERE, "the tokenizer names no end-of-text token", REMEDY)
