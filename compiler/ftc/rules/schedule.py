"""Faults of steps, epochs, warm-up and batch."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.rules.case import Case, Fault, path


def warmup_ge_total(case: Case) -> Iterator[Fault]:
    """Warm-up takes up the run, so that the learning rate peaks late or never.

    An error when warm-up is as long as the run: the rate never reaches its peak. A warning above a
    fifth of all steps; the guide's 30-100 steps are meant for runs longer than that.

    Source: Unsloth guide (5-10 %), QLoRA (3 %), Zephyr (10 %); GPT2-Chinese#60.
    """
    warmup, steps = case.plan.warmup_steps, case.plan.max_steps
    if case.plan.lr_scheduler == "constant" or not warmup:
        return
    remedy = f"set warmup_steps = {max(steps // 20, 2) if steps > 4 else 0}"
    if warmup >= steps:
        text = f"{warmup} warm-up steps in a run of {steps}: the rate never reaches its peak"
        yield Fault(path("warmup_steps"), text, remedy)
    elif warmup > 0.2 * steps:
        text = f"{warmup} of {steps} steps are warm-up ({100 * warmup / steps:.0f} %)"
        yield Fault(path("warmup_steps"), text, remedy, case.softened("warmup_steps"))


def warmup_one_step(case: Case) -> Iterator[Fault]:
    """One warm-up step is two in Axolotl.

    Axolotl turns a warm-up of one step into two, so that its learning rates differ from
    LLaMA-Factory's by one step.

    Source: Axolotl `core/builders/base.py::_configure_warmup_and_logging`.
    """
    if case.plan.warmup_steps == 1 and case.version("axolotl"):
        text = "Axolotl makes two warm-up steps of one"
        yield Fault(path("warmup_steps"), text, "set warmup_steps to 0, or to 2 and more")


def gpu_count_batch(case: Case) -> Iterator[Fault]:
    """The effective batch is not micro batch x accumulation x cards.

    The recipe states the batch over all cards, so that the same recipe trains the same steps on one
    card and on eight. A batch that does not divide would be another batch.

    Source: openvla#149; LLaMA-Factory `launcher.py::launch` takes every visible card.
    """
    plan = case.plan
    real = plan.micro_batch * plan.gradient_accumulation * plan.gpus
    if real != plan.effective_batch:
        text = (
            f"micro_batch {plan.micro_batch} x accumulation {plan.gradient_accumulation} x "
            f"{plan.gpus} cards is {real} rows a step, not {plan.effective_batch}"
        )
        yield Fault(path("effective_batch"), text, f"set effective_batch = {real}")


def too_few_steps(case: Case) -> Iterator[Fault]:
    """The run has too few optimizer steps to learn much.

    Below 50 steps little is learned; below 10 this is an error, unless the recipe itself sets
    `max_steps`, as a trial run does.

    Source: Tinker `hyperparams.md` (at least 100 steps, best 1000 and more); LLaMA-Factory#4552
    (35 steps: not learned).
    """
    steps = case.plan.max_steps
    if steps >= 50:
        return
    asked = case.said("max_steps")
    text = f"{steps} optimizer steps in all; at least 100 are advised"
    where = path("max_steps") if asked else path("effective_batch")
    remedy = "more epochs, more rows, or a smaller effective_batch"
    yield Fault(where, text, remedy, "error" if steps < 10 and not asked else "warning")


def too_many_epochs(case: Case) -> Iterator[Fault]:
    """So many epochs over so few rows that the model memorises them.

    More than 5 epochs is a warning, above 3 for 10,000 rows and more; more than 20 is an error.
    LIMA used 15 epochs on 1,000 rows, so that this can be right: then ignore the rule by name.

    Source: Unsloth guide (1-3 epochs); the guide (3-10, and 3-5 with 500 samples);
    LLaMA-Factory#3298 (1000 epochs: loss 0, wrong answers). The limit of 3 for much data is
    judgment.
    """
    epochs, rows = case.plan.epochs, case.plan.train_rows
    limit = 3 if rows >= 10_000 else 5
    if epochs <= limit:
        return
    text = f"{epochs:g} epochs over {rows:,} rows: the model sees each row {epochs:g} times"
    severity = "error" if epochs > 20 else case.softened("epochs")
    yield Fault(path("epochs"), text, f"set epochs to {limit} or less", severity)


def lora_batch_large(case: Case) -> Iterator[Fault]:
    """The effective batch is large for LoRA.

    LoRA loses more from a large batch than full fine-tuning does, and a higher rank does not bring
    it back.

    Source: LoRA Without Regret (Thinking Machines 2025): below 32.
    """
    batch = case.plan.effective_batch
    if case.adapter and not case.preference and batch > 32:
        text = f"{batch} rows per step with LoRA; 32 or fewer are advised"
        severity = case.softened("effective_batch")
        yield Fault(path("effective_batch"), text, "set effective_batch = 16", severity)
