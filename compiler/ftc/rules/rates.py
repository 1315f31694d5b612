"""Learning rates that do nothing, or too much, for the method and the stage."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.memory.formula import parameters
from ftc.rules.case import Case, Fault, path

WHERE = path("learning_rate")
SMALL_MODEL = 1e9  # the sources on full fine-tuning speak of 1-14B; below it, high rates are usual


def full_ft_lr_high(case: Case) -> Iterator[Fault]:
    """The learning rate is too high for full fine-tuning.

    Full fine-tuning of a 1-14B model usually runs at 5e-6 to 2e-5; above 1e-4 the loss spikes and
    the model repeats gibberish, so that this is an error there. For a model below 1B it stays a
    warning: the sources do not cover those, and small models bear more.

    Source: shipped examples (LLaMA-Factory 1e-5 in 13 of 21, Axolotl 2e-5 in 21 of 68).
    """
    rate = case.plan.learning_rate
    if case.plan.method != "full" or case.preference or rate <= 5e-5:
        return
    shape = case.facts.model.shape
    small = shape is not None and parameters(shape) < SMALL_MODEL
    text = f"learning rate {rate:g} with full fine-tuning; 5e-06 to 2e-05 is usual"
    severe = rate > 1e-4 and not small
    yield Fault(WHERE, text, "set learning_rate = 1e-5", "error" if severe else "warning")


def lora_lr_low(case: Case) -> Iterator[Fault]:
    """The learning rate is low for LoRA.

    LoRA wants about ten times the rate of full fine-tuning; a rate carried over from full
    fine-tuning is the common reason why "LoRA does nothing". The guide names 2e-5 to 5e-5 for about
    500 samples: where its own row chose the value this is a remark, which shows both sides.

    Source: LoRA Without Regret (Thinking Machines 2025); LLaMA-Factory#4552 (184 rows, 5e-5, about
    35 steps: not learned). Against it: the guide, typical hyperparameter values.
    """
    rate = case.plan.learning_rate
    if not case.adapter or case.preference or rate >= 5e-5:
        return
    text = f"learning rate {rate:g} is low for LoRA: published values are 1e-4 to 1e-3"
    remedy = "set learning_rate = 1e-4, or [factors] prefer = 'published'"
    yield Fault(WHERE, text, remedy, case.softened("learning_rate"))


def lora_lr_high(case: Case) -> Iterator[Fault]:
    """The learning rate is high for LoRA.

    Above 1e-3 runs have been seen to diverge; the best published LoRA rates end there.

    Source: Tinker cookbook, `hyperparam_utils.py` (1e-4 to 1e-3) and `sft_sweep.md` (divergence at
    2e-3 and 4e-3).
    """
    rate = case.plan.learning_rate
    if case.adapter and not case.preference and rate > 1e-3:
        text = f"learning rate {rate:g} is above every published LoRA rate"
        yield Fault(WHERE, text, "set learning_rate to 1e-3 or less")
