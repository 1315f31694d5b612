"""Faults of evaluating, saving and keeping the best checkpoint."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.diagnostics import Severity
from ftc.rules.case import Case, Fault, path


def val_too_small(case: Case) -> Iterator[Fault]:
    """Fewer than 20 held-out rows.

    The loss over so few rows moves by chance, and so does the choice of the best checkpoint. With
    the best checkpoint kept this is a warning, else a remark.

    Source: judgment; 50 rows and more are usual.
    """
    rows = case.plan.eval_rows
    if 0 < rows < 20:
        text = f"{rows} held-out rows: their loss moves by chance"
        severity: Severity = "warning" if case.plan.load_best else "info"
        where = "data.eval_path" if case.recipe.data.eval_path else "data.eval"
        yield Fault(where, text, "hold out 20 rows or more, better 50", severity)


def no_holdout(case: Case) -> Iterator[Fault]:
    """Nothing is held out, so that nobody can tell whether training helped.

    Source: axolotl PR#1926, axolotl PR#2188; unsloth#969.
    """
    if case.plan.eval_rows == 0:
        where = "data.eval_path" if case.recipe.data.eval_path else "data.eval"
        yield Fault(where, "no row is held out for evaluation", "set data.eval = 0.1")


def eval_beyond_end(case: Case) -> Iterator[Fault]:
    """Evaluation comes later than the end of the run.

    transformers 5 then evaluates once, after the last step: too late to choose a checkpoint by it
    or to see the model overfit. A warning and no error for that reason; older versions held rows
    out and never looked at them.

    Source: LLaMA-Factory#4552 (a run of 35 steps with an interval of 100); transformers 5.6.0,
    5.16.1 and 5.20.1, `trainer_callback.py::DefaultFlowCallback`.
    """
    every, steps = case.plan.eval_steps, case.plan.max_steps
    if case.plan.eval_rows and every > steps:
        text = f"evaluation every {every} steps in a run of {steps}: only once, at the end"
        yield Fault(path("eval_steps"), text, f"set eval_steps = {max(steps // 5, 1)}")


def save_beyond_end(case: Case) -> Iterator[Fault]:
    """Checkpoints come later than the end of the run.

    The last step is still saved; a run that stops early leaves nothing to go on from.

    Source: LLaMA-Factory#4552 (a run of 35 steps with save_steps 100); transformers 5
    `trainer_callback.py::DefaultFlowCallback`.
    """
    every, steps = case.plan.save_steps, case.plan.max_steps
    if every > steps:
        text = f"a checkpoint every {every} steps in a run of {steps}: none before the end"
        yield Fault(path("save_steps"), text, f"set save_steps = {max(steps // 5, 1)}")


def save_eval_mismatch(case: Case) -> Iterator[Fault]:
    """The best checkpoint is asked for, but not every checkpoint is evaluated.

    `save_steps` must be a multiple of `eval_steps`; transformers stops at the start otherwise, and
    Axolotl switches the best checkpoint off without a word.

    Source: transformers `training_args.py`; Axolotl `core/builders/causal.py`;
    LLaMA-Factory#8133, #5396, #584.
    """
    plan = case.plan
    if not plan.load_best:
        return
    if plan.eval_steps == 0 or plan.eval_rows == 0:
        text = "the best checkpoint is asked for, but nothing is evaluated"
        yield Fault(path("load_best"), text, "set load_best = false, or data.eval = 0.1")
    elif plan.save_steps % plan.eval_steps:
        text = f"save_steps {plan.save_steps} is no multiple of eval_steps {plan.eval_steps}"
        multiple = max(1, round(plan.save_steps / plan.eval_steps)) * plan.eval_steps
        yield Fault(path("save_steps"), text, f"set save_steps = {multiple}")


def save_limit_vs_best(case: Case) -> Iterator[Fault]:
    """One checkpoint is to be kept, while the best one is asked for.

    Until the end transformers then keeps two, the best and the last; at the end it deletes the
    last, and a finished run cannot be made longer. A remark, because the best is not lost.

    Source: transformers 5.6.0 to 5.20.1, `trainer.py` and `trainer_utils.py::rotate_checkpoints`.
    """
    if case.plan.load_best and case.plan.save_total_limit == 1:
        text = "only the best checkpoint is left at the end, the last one is deleted"
        yield Fault(path("save_total_limit"), text, "set save_total_limit = 2")


def loss_is_not_quality(case: Case) -> Iterator[Fault]:
    """The best checkpoint is chosen by loss alone.

    Held-out loss and the quality of answers can disagree; prompts under `[compare]` show answers
    before and after. Said only where the recipe asks for the best checkpoint itself.

    Source: LIMA, arXiv 2305.11206 (perplexity against the quality of generation).
    """
    if case.plan.load_best and case.said("load_best") and not case.recipe.compare.prompts:
        text = "the best checkpoint is chosen by held-out loss alone"
        yield Fault("compare.prompts", text, "name a few prompts to compare answers by")


def eval_batch(case: Case) -> Iterator[Fault]:
    """The evaluation batch is larger than the training batch.

    LLaMA-Factory's own default is 8 rows whatever the training batch is, and the first evaluation
    then runs out of memory. ftc always writes the batch; a larger one than in training is a
    warning, since evaluation keeps no gradients.

    Source: LLaMA-Factory#5419, #1595, #6676; transformers#17089.
    """
    plan = case.plan
    if plan.eval_rows and plan.eval_batch > plan.micro_batch and plan.device == "gpu":
        text = f"eval_batch {plan.eval_batch} is larger than micro_batch {plan.micro_batch}"
        yield Fault(path("eval_batch"), text, f"set eval_batch = {plan.micro_batch}")


def eval_on_start(case: Case) -> Iterator[Fault]:
    """Axolotl 0.19 evaluates before the first step.

    It takes time, and memory, before anything was trained; 0.21.0 has a key for it, which ftc sets
    to false.

    Source: Axolotl `core/builders/base.py::_configure_save_and_eval_strategy`.
    """
    version = case.version("axolotl")
    if version.startswith("0.19.") and case.plan.eval_rows and case.plan.eval_steps:
        text = f"Axolotl {version} also evaluates before the first step"
        yield Fault(path("eval_steps"), text, "use Axolotl 0.21.0")
