"""Faults that show in the rows: too few, too long, double, empty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ftc.resolve.sheet import percentile
from ftc.rules.case import Case, Fault, graded, path, share

LENGTH_STEP = 64


def over_length(case: Case) -> Iterator[Fault]:
    """Rows are longer than max_length and are left out.

    ftc leaves whole rows out, with their ids in the build folder; the tools would drop them
    (Axolotl) or cut the answer off (LLaMA-Factory). More than 5 % is an error unless the recipe
    says `on_overflow = "drop"` itself; with `on_overflow = "error"` one row is an error.
    Pre-training splits long text in place of leaving it out; with estimated lengths ftc leaves all
    rows in, and the rule lengths-estimated speaks.

    Source: LLaMA-Factory#3995 ("zero idea why"), LLaMA-Factory#1136; Axolotl
    `utils/data/utils.py::handle_long_seq_in_dataset`.
    """
    rows, limit = case.facts.data.train.total, case.plan.max_length
    over = len(rows) - len(case.fitting)
    if not over or case.plan.stage == "pretrain":
        return
    data = case.recipe.data
    refused = data.on_overflow == "error"
    agreed = "on_overflow" in data.model_fields_set and not refused
    many = over > 0.05 * len(rows) and not agreed
    fits = max(_fits(rows, 1.0 if refused else 0.99), limit + LENGTH_STEP)
    text = f"{share(over, len(rows))} are longer than {limit:,} tokens and are left out"
    remedy = f"set max_length = {fits}"
    if not refused:
        remedy += " (99 % of rows fit), or say data.on_overflow = 'drop'"
    yield Fault(path("max_length"), text, remedy, graded(many or refused))


def no_rows_left(case: Case) -> Iterator[Fault]:
    """No training row is left.

    Every row is longer than max_length, or there was none to begin with; a tool would stop with a
    message about an empty data set, after loading the model.

    Source: LLaMA-Factory `data/loader.py` ("Cannot find valid samples"); axolotl#1761.
    """
    rows = case.facts.data.train.total
    if not rows:
        yield Fault(case.data_path, "there is no training row", "check data.format and data.eval")
    elif not case.fitting and case.plan.stage != "pretrain":
        text = f"all {len(rows):,} rows are longer than {case.plan.max_length:,} tokens"
        yield Fault(path("max_length"), text, f"set max_length = {_fits(rows)}")


def prompt_eats_window(case: Case) -> Iterator[Fault]:
    """Prompts alone fill max_length, so that no answer of these rows can ever be learned.

    ftc leaves such rows out; LLaMA-Factory would cut the answer away and train on nothing. A
    warning and no error, because the rows are out before either tool sees them.

    Source: LLaMA-Factory#1136; LLaMA-Factory `data/processor/processor_utils.py::infer_seqlen`.
    """
    if case.plan.stage == "pretrain":
        return
    prompts = case.facts.data.train.prompt
    full = sum(1 for tokens in prompts if tokens >= case.plan.max_length)
    if full:
        text = f"the prompt alone has {case.plan.max_length:,} tokens or more in "
        text += share(full, len(prompts))
        yield Fault(path("max_length"), text, "raise max_length, or shorten these prompts")


def length_oversized(case: Case) -> Iterator[Fault]:
    """The recipe sets max_length to more than twice the longest row.

    Memory is planned for rows that do not exist, and a smaller micro batch than needed is the
    price.

    Source: judgment; both tools pad to the longest row of a batch, so that only the plan suffers.
    """
    rows = case.facts.data.train.total
    longest = max(rows, default=0)
    if not longest or case.plan.packing or case.plan.stage == "pretrain":
        return
    if case.said("max_length") and case.plan.max_length > 2 * longest:
        fits = -(-longest // LENGTH_STEP) * LENGTH_STEP
        text = f"max_length {case.plan.max_length:,}, but the longest row has {longest:,} tokens"
        yield Fault(path("max_length"), text, f"set max_length = {fits}")


def empty_turn(case: Case) -> Iterator[Fault]:
    """Answers are empty.

    The model learns to say nothing.

    Source: LLaMA-Factory drops some of these rows, Axolotl trains on them; distilabel PR#364.
    """
    empty = case.facts.data.empty_answers
    if empty and case.plan.stage != "pretrain":
        rows = len(case.facts.data.train.total) + len(case.facts.data.eval.total)
        text = f"the answer is empty in {share(empty, rows)}"
        yield Fault(case.data_path, text, "remove these rows or fill them in")


def zero_trainable_row(case: Case) -> Iterator[Fault]:
    """Rows have no token to learn from.

    With the prompt masked, a row without answer tokens has no label: its loss is zero or not a
    number. An error above 5 % of the rows.

    Source: axolotl#1761, axolotl#2089 (the filter of 0.18 and earlier does nothing in batches).
    """
    if case.plan.stage == "pretrain" or case.plan.train_on_prompt:
        return
    answers = case.facts.data.train.answer
    bare = sum(1 for tokens in answers if tokens == 0)
    if bare:
        text = f"no token to learn from in {share(bare, len(answers))}"
        severity = graded(bare > 0.05 * len(answers))
        yield Fault(case.data_path, text, "remove these rows", severity)


def duplicates(case: Case) -> Iterator[Fault]:
    """More than 1 % of the rows repeat an earlier row.

    Repeated rows are learned by heart, and count twice in everything that is measured.

    Source: OpenTextShield PR#195 (5.4 % duplicates led to 7.4 % of the test rows in training).
    """
    data = case.facts.data
    rows = len(data.train.total) + len(data.eval.total)
    if data.duplicates > 0.01 * rows:
        text = f"an earlier row is repeated in {share(data.duplicates, rows)}"
        yield Fault(case.data_path, text, "remove the repeated rows")


def train_eval_overlap(case: Case) -> Iterator[Fault]:
    """Held-out rows have prompts that are trained on.

    The evaluation is then better than the model.

    Source: mteb#1036, datasets#4261.
    """
    overlap = case.facts.data.overlap
    if overlap:
        text = f"the prompt is in training too in {share(overlap, len(case.facts.data.eval.total))}"
        where = "data.eval_path" if case.recipe.data.eval_path else "data.eval"
        yield Fault(where, text + " held out", "remove repeated prompts from one of the parts")


def too_few_rows(case: Case) -> Iterator[Fault]:
    """There are too few training rows.

    Fewer than 10 is an error, fewer than 100 a warning, fewer than 250 a remark: the guide's own
    case of about 500 rows is no fault.

    Source: Unsloth data sets guide (at least 100, better 1,000); Predibase (500 to 1,000); LIMA
    (1,000 curated rows). The remark's limit is judgment.
    """
    rows = case.plan.train_rows
    if rows >= 250 or not case.fitting:
        return
    severity = graded(rows < 10, "warning" if rows < 100 else "info")
    text = f"{rows} training rows; at least 100 are advised, and 500 to 1,000 are usual"
    yield Fault(case.data_path, text, "add rows, or make variants of the good ones", severity)


def samples_missing(case: Case) -> Iterator[Fault]:
    """The recipe asks for more samples than there are.

    Values that depend on the number of samples were decided by the rows that are there.

    Source: judgment; a wrong file or filter usually shows this way.
    """
    wanted = case.recipe.data.samples
    data = case.facts.data
    rows = len(data.train.total) + len(data.eval.total)
    if wanted is not None and rows < wanted:
        text = f"{wanted:,} samples were asked for, {rows:,} rows are there"
        yield Fault("data.samples", text, f"set samples = {rows}, or check {case.data_path}")


def rejected_rows(case: Case) -> Iterator[Fault]:
    """Rows of the file cannot be used.

    Each is named with its line and reason in the data report; more than half is an error, since the
    format is then likely not the one that was read.

    Source: LLaMA-Factory#5810 and #6924 (rows of another layout vanish with a log line).
    """
    data = case.facts.data
    rows = data.rejected + data.left_out + len(data.train.total) + len(data.eval.total)
    if data.rejected:
        text = f"read as {data.format}, {share(data.rejected, rows)} cannot be used"
        severity = graded(data.rejected > 0.5 * rows)
        yield Fault(case.data_path, text, "mend these rows, or set data.format", severity)


def lengths_estimated(case: Case) -> Iterator[Fault]:
    """Token lengths are estimated from characters, not counted.

    Without the model's tokenizer.json ftc takes characters per token: lengths, rows left out and
    memory are then rough.

    Source: judgment; characters per token differ by language and by tokenizer.
    """
    if not case.facts.data.train.exact and case.facts.data.train.total:
        text = "token lengths are an estimate: the model's tokenizer.json was not found"
        yield Fault("model.id", text, "give a local model folder, or let ftc go online")


def _fits(rows: Sequence[int], portion: float = 0.99) -> int:
    """A length that this portion of the rows fits into, rounded up."""
    return -(-(percentile(rows, portion) or 0) // LENGTH_STEP) * LENGTH_STEP
