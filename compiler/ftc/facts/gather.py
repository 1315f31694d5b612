"""Gathers all facts of a recipe: model, hardware, data; the only door for `build` and `check`."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ftc import recipe
from ftc.data import identity, split
from ftc.data.example import Dataset, Example, Rejected
from ftc.data.layouts import SAME_PAIR
from ftc.data.load import (
    empty_system,
    folded,
    load,
    trimmed,
    with_system,
    without_empty_system,
)
from ftc.data.turns import EMPTY_ANSWER
from ftc.facts import hardware, model, remembered, tokens
from ftc.facts.records import DataFacts, Facts, Lengths, ModelFacts, maker
from ftc.progress import Progress


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
    system turn becomes an explicit one in each row without, and white space that it takes away
    around contents is taken away from the rows, so that both tools read the same. A system turn
    that it refuses, or would lose, is written into the first user turn; an empty one is left out,
    but for exact tokens, since LLaMA-Factory cannot write it.
    Rows that the template refuses are rejected; when it refuses all, that is an FtcError.
    """
    hardware_facts = hardware.gather(recipe.hardware)
    own_ids = recipe.preparation is not None or recipe.augmentation is not None
    dataset = load(recipe.data, recipe.stage, folder, seed, offline=offline, own_ids=own_ids)
    model_facts = model.gather(recipe.model, folder, offline)
    moved: set[str] = set()
    emptied: set[str] = set()
    exact = _exact(recipe, dataset)
    if not exact:
        emptied = {row.id for row in (*dataset.train, *dataset.eval) if empty_system(row)}
        dataset = without_empty_system(dataset)
    if (known := model_facts.tokenizer) is not None:
        dataset = trimmed(dataset, known.trims)
        if known.loses_system or not known.system_turns:
            moved = {row.id for row in (*dataset.train, *dataset.eval) if _instructed(row)}
            dataset = trimmed(folded(dataset), known.trims)
        dataset = with_system(dataset, known.default_system)
    counter = _counter(recipe, model_facts, exact)
    try:
        facts = data_facts(dataset, recipe.stage, counter, progress)
    except tokens.RowRefused as refused:
        dataset = _accepted(dataset, counter, refused)
        facts = data_facts(dataset, recipe.stage, counter, progress)
    rows = (*dataset.train, *dataset.eval)
    facts = replace(
        facts,
        folded=sum(row.id in moved for row in rows),
        emptied=sum(row.id in emptied for row in rows),
    )
    return Facts(model_facts, facts, hardware_facts, tuple(backends)), dataset


def _exact(recipe: recipe.Recipe, dataset: Dataset) -> bool:
    """Whether ftc makes the tokens, so that neither tool's ways with a row matter."""
    segments = any(row.segments for row in (*dataset.train, *dataset.eval))
    return recipe.stage in tokens.EXACT and maker(recipe.data, segments) == "exact"


def _counter(recipe: recipe.Recipe, found: ModelFacts, exactly: bool) -> tokens.Counter | None:
    """What counts the tokens: those that the tools make, or those that ftc writes."""
    if not exactly:
        return tokens.counter(found)
    from ftc.facts import exact  # noqa: PLC0415 - start-up cost, for builds that do without

    return exact.counter(found, bool(recipe.training.thinking))


def data_facts(
    dataset: Dataset,
    stage: recipe.Stage,
    counter: tokens.Counter | None,
    progress: Progress | None = None,
) -> DataFacts:
    """What the rows of a data set say, token lengths included; without a counter estimated."""
    rows = (*dataset.train, *dataset.eval)
    reasons = Tally(_kind(bad.reason) for bad in dataset.rejected)
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
        has_system=sum(map(_instructed, rows)),
        multi_turn=sum(sum(m.role == "assistant" for m in row.messages) > 1 for row in rows),
        empty_answers=reasons[EMPTY_ANSWER],
        same_pair=reasons[SAME_PAIR],
        segments=sum(bool(row.segments) for row in rows),
    )


def _accepted(
    dataset: Dataset, counter: tokens.Counter | None, refused: tokens.RowRefused
) -> Dataset:
    """The rows that the chat template renders; the others become rejected. `refused` if none is."""
    rejected = list(dataset.rejected)
    kept: dict[str, tuple[Example, ...]] = {}
    for part, rows in (("train", dataset.train), ("eval", dataset.eval)):
        reasons = [counter.refusal(row) if counter else "" for row in rows]
        kept[part] = tuple(row for row, why in zip(rows, reasons, strict=True) if not why)
        rejected += [
            Rejected(row.file, row.line, why) for row, why in zip(rows, reasons, strict=True) if why
        ]
    if not kept["train"]:
        raise refused
    return replace(dataset, train=kept["train"], eval=kept["eval"], rejected=tuple(rejected))


def _lengths(
    rows: Sequence[Example],
    stage: recipe.Stage,
    counter: tokens.Counter | None,
    progress: Progress | None,
    part: str,
) -> Lengths:
    if counter is None:
        return tokens.estimate(rows, stage)
    heard = (lambda done: progress(part, done, len(rows))) if progress else None
    decides = (*counter.key, stage, identity.digest(rows))
    return remembered.lengths(decides, len(rows), lambda: counter.lengths(rows, stage, heard))


def _instructed(row: Example) -> bool:
    return bool(row.messages) and row.messages[0].role == "system"


def _kind(reason: str) -> str:
    return next((kind for kind in (EMPTY_ANSWER, SAME_PAIR) if reason.startswith(kind)), "")


def _calls(row: Example) -> bool:
    return any(message.tool_calls for message in row.messages)
