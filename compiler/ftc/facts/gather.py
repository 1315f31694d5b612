"""Gathers all facts of a recipe: model, hardware, data; the only door for `build` and `check`."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Sequence
from pathlib import Path

from ftc import recipe
from ftc.data import identity, split
from ftc.data.example import Dataset, Example
from ftc.data.layouts import SAME_PAIR
from ftc.data.load import load, with_system
from ftc.data.turns import EMPTY_ANSWER
from ftc.facts import hardware, model, tokens
from ftc.facts.records import DataFacts, Facts, Lengths, ModelFacts

Progress = Callable[[str, int, int], None]  # what, rows done, rows in all


def gather(
    recipe: recipe.Recipe,
    folder: Path,
    *,
    backends: Sequence[tuple[str, str]],
    offline: bool,
    seed: int,
    progress: Progress | None = None,
) -> tuple[Facts, Dataset]:
    """Look everything up; relative paths are relative to `folder`, that of the recipe.

    `backends` are (name, version) pairs; `progress` hears of rows counted. A chat template's own
    system turn becomes an explicit one in each row without, so that both tools read the same.
    """
    hardware_facts = hardware.gather(recipe.hardware)
    dataset = load(recipe.data, recipe.stage, folder, seed, offline=offline)
    model_facts = model.gather(recipe.model, folder, offline)
    if model_facts.tokenizer is not None:
        dataset = with_system(dataset, model_facts.tokenizer.default_system)
    facts = data_facts(dataset, recipe.stage, model_facts, progress)
    return Facts(model_facts, facts, hardware_facts, tuple(backends)), dataset


def data_facts(
    dataset: Dataset,
    stage: recipe.Stage,
    model_facts: ModelFacts,
    progress: Progress | None = None,
) -> DataFacts:
    """What the rows of a data set say, token lengths included."""
    rows = (*dataset.train, *dataset.eval)
    reasons = Tally(_kind(bad.reason) for bad in dataset.rejected)
    counter = tokens.counter(model_facts)
    return DataFacts(
        path=dataset.source,
        format=dataset.format,
        sha256=identity.digest(rows),
        train=_lengths(dataset.train, stage, counter, progress, "train"),
        eval=_lengths(dataset.eval, stage, counter, progress, "eval"),
        rejected=len(dataset.rejected),
        left_out=dataset.left_out,
        duplicates=len(rows) - len({row.id for row in rows}),
        overlap=split.overlap(dataset.train, dataset.eval),
        has_tools=any(row.tools or _calls(row) for row in rows),
        has_system=sum(bool(row.messages) and row.messages[0].role == "system" for row in rows),
        multi_turn=sum(sum(m.role == "assistant" for m in row.messages) > 1 for row in rows),
        empty_answers=reasons[EMPTY_ANSWER],
        same_pair=reasons[SAME_PAIR],
    )


def _lengths(
    rows: Sequence[Example],
    stage: recipe.Stage,
    counter: tokens.Counter | None,
    progress: Progress | None,
    part: str,
) -> Lengths:
    if counter is None:
        return tokens.estimate(rows, stage)
    return counter.lengths(
        rows, stage, (lambda done: progress(part, done, len(rows))) if progress else None
    )


def _kind(reason: str) -> str:
    return next((kind for kind in (EMPTY_ANSWER, SAME_PAIR) if reason.startswith(kind)), "")


def _calls(row: Example) -> bool:
    return any(message.tool_calls for message in row.messages)
