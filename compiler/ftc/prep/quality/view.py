"""A batch as the checks look at it: pairs, their measures, and what all rows are like."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ftc.prep.diversity.dialogue import Dialogue, dialogue
from ftc.prep.diversity.measures import having, words
from ftc.prep.diversity.task import task
from ftc.prep.diversity.tone import tones
from ftc.prep.quality.norms import Decision
from ftc.prep.step import Inputs
from ftc.preparation.quality import Quality

Numbers = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]


class Found(NamedTuple):
    """A fault of a row of the batch, how bad it is (0 to 1), and what shows it."""

    row: int
    severity: float
    detail: str


@dataclass(frozen=True)
class View:
    """What checks read. Arrays are by pair where nothing else is said; see `Dialogue`."""

    rows: pa.Table
    said: Dialogue
    inputs: Inputs
    decision: Decision | None = None

    @property
    def settings(self) -> Quality:
        """Those of the step."""
        return self.inputs.settings  # type: ignore[no-any-return]

    @cached_property
    def answers(self) -> pa.Array:
        """All answers."""
        return self.said.column()

    @cached_property
    def words(self) -> Numbers:
        """Words of each answer."""
        return words(self.answers)

    @cached_property
    def forms(self) -> list[str]:
        """By row."""
        return self.rows["form"].to_pylist()  # type: ignore[no-any-return]

    @cached_property
    def notes(self) -> list[dict[str, Any]]:  # Any: what notes hold
        """By row."""
        return [json.loads(notes) for notes in self.rows["notes"].to_pylist()]

    @cached_property
    def tasks(self) -> list[str]:
        """By row: the label that the step before noted, or ours where it was left out."""
        if self.decision and self.decision.rows is not None:
            return self.decision.rows["task"].to_pylist()  # type: ignore[no-any-return]
        asked = self.said.instructions
        return [
            notes.get("task") or task(text) for notes, text in zip(self.notes, asked, strict=True)
        ]

    @cached_property
    def tones(self) -> list[str]:
        """By row, of its last answer; "" without one."""
        if self.decision and self.decision.rows is not None:
            return self.decision.rows["tone"].to_pylist()  # type: ignore[no-any-return]
        noted = [notes.get("tone", "") for notes in self.notes]
        bare = [i for i, tone in enumerate(noted) if not tone and self.said.lasts[i] >= 0]
        if bare:
            pairs = self.said.lasts[bare]
            found = tones(self.answers.take(pa.array(pairs)), self.words[pairs])
            for row, tone in zip(bare, found, strict=True):
                noted[row] = tone
        return noted

    @cached_property
    def judged(self) -> Truths:
        """Pairs that a model is to learn from: not documents, not answers rated as unwanted."""
        extras = self.rows["extra"].to_pylist()
        rows = [
            form not in ("text", "kto") or (form == "kto" and _wanted(extra))
            for form, extra in zip(self.forms, extras, strict=True)
        ]
        return np.array(rows, np.bool_)[self.said.owners]

    def where(self, pattern: str, *, documents: bool = False) -> Iterator[tuple[int, int]]:
        """(pair, row) of the answers in which a pattern of RE2 occurs, in any case of letters."""
        hits = having(self.answers, pattern)
        return self.pairs(hits if documents else hits & self.judged)

    def pairs(self, hits: Truths) -> Iterator[tuple[int, int]]:
        """(pair, row) where `hits` says so."""
        at = np.flatnonzero(hits)
        return zip(at.tolist(), self.said.owners[at].tolist(), strict=True)


def view(rows: pa.Table, inputs: Inputs, decision: Decision | None = None) -> View:
    """A batch and all that checks may know about it."""
    return View(rows, dialogue(rows), inputs, decision)


def _wanted(extra: str) -> bool:
    return json.loads(extra).get("label") is not False
