"""The step that labels rows by task, tone, length and difficulty, and counts the labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ftc.errors import FtcError
from ftc.prep.diversity import repetition
from ftc.prep.diversity.dialogue import Dialogue, dialogue
from ftc.prep.diversity.difficulty import difficulty
from ftc.prep.diversity.gaps import AXES
from ftc.prep.diversity.measures import words
from ftc.prep.diversity.task import DOCUMENT, task
from ftc.prep.diversity.tone import tones
from ftc.prep.ledger import Ledger
from ftc.prep.rows import noted
from ftc.prep.step import Inputs, Outcome, Step
from ftc.preparation.diversity import Diversity


def gather(rows: pa.Table, inputs: Inputs, out: Path) -> None:
    """Keep openings and a sample of the answers."""
    _check_aims(inputs.settings)
    said = dialogue(rows)
    ids = rows["id"].to_pylist()
    owners = said.owners.tolist()
    answers = ((ids[row], text) for row, text in zip(owners, said.answers, strict=True))
    repetition.write(map(repetition.opening, said.instructions), answers, out)


def decide(gathered: Sequence[Path], inputs: Inputs, out: Path) -> dict[str, float]:
    """Measure repetition; the most common openings go into a file that people may look at."""
    lines = [f"{count}\t{name}\n" for name, count in repetition.common(gathered)]
    (out / "openings.tsv").write_text("".join(lines), "utf-8")
    return repetition.measured(gathered)


def apply(rows: pa.Table, inputs: Inputs) -> Outcome:
    """Write the labels into the notes; figures count them."""
    found = labels(dialogue(rows), inputs.settings)
    labelled = noted(rows, lambda row: found[row])
    return Outcome(labelled, Ledger().table(), _figures(found, inputs.settings))


def labels(said: Dialogue, settings: Diversity) -> list[dict[str, Any]]:  # Any: what notes hold
    """By row {"task", "tone", "length", "difficulty"}; {} for a row without an answer.

    They are those of the first instruction and the last answer of a chat.
    """
    rows = np.flatnonzero(said.lasts >= 0).tolist()
    answers = [said.answers[said.lasts[row]] for row in rows]
    column = pa.array(answers, pa.string())
    prompts = pa.array([said.instructions[row] for row in rows], pa.string())
    counts = words(column)
    hard = difficulty(prompts, column).tolist()
    sounds = tones(column, counts)
    bounds = np.searchsorted([settings.short + 0.5, settings.long + 0.5], counts)
    sizes = [("short", "medium", "long")[i] for i in bounds.tolist()]
    found: list[dict[str, Any]] = [{} for _ in said.lasts]
    for row, tone, size, level in zip(rows, sounds, sizes, hard, strict=True):
        kind = task(said.instructions[row])
        found[row] = {"task": kind, "tone": tone, "length": size, "difficulty": level}
    return found


def _figures(found: list[dict[str, Any]], settings: Diversity) -> dict[str, float]:
    """Counts of labels; documents are counted by task alone, since nobody asked for them."""
    counts: Counter[str] = Counter()
    for notes in found:
        if not notes:
            continue
        counts[f"diversity.task.{notes['task']}"] += 1
        if notes["task"] == DOCUMENT:
            continue
        level = (notes["difficulty"] >= settings.easy) + (notes["difficulty"] >= settings.hard)
        counts["diversity.asked"] += 1
        counts[f"diversity.tone.{notes['tone']}"] += 1
        counts[f"diversity.length.{notes['length']}"] += 1
        counts[f"diversity.difficulty.{AXES['difficulty'][level]}"] += 1
    return {name: float(count) for name, count in sorted(counts.items())}


def _check_aims(settings: Diversity) -> None:
    """FtcError for an aim that no row can meet."""
    for axis, aims in settings.aims.items():
        known = AXES.get(axis, ())
        for label in aims:
            if label not in known:
                raise FtcError(
                    f"prepare.diversity.aims: there is no {axis}.{label}",
                    hint=f"one of: {', '.join(known or AXES)}",
                )


STEP = Step(
    "diversity",
    apply,
    ("ftc.prep.diversity", "ftc.preparation.diversity"),
    ("numpy", "pyarrow"),
    gather=gather,
    decide=decide,
)
