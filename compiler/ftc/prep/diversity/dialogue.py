"""Rows as pairs of what was asked and what was answered, whatever their form is."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ftc.prep.rows import contents

FORMS = ("chat", "text", "preference", "kto")
ANSWERS = ("assistant", "chosen", "completion", "text")


@dataclass(frozen=True)
class Dialogue:
    """The pairs of a batch in the order of its rows.

    A row has one pair for each answer that a model would learn to write: every assistant turn
    with a text, the chosen or rated completion, a whole document. `prompts` holds the last user
    turn before it, "" for documents. Turns that only call a tool make no pair.
    """

    owners: npt.NDArray[np.int64]  # index of the row of each pair
    prompts: list[str]
    answers: list[str]
    instructions: list[str]  # by row: its first user turn, or ""
    lasts: npt.NDArray[np.int64]  # by row: its last pair, -1 when it has none
    spans: list[tuple[int, int]]  # by row: its turns in `roles` and `said`
    roles: list[str]
    said: list[str]

    def column(self) -> pa.Array:
        """The answers as Arrow has them, for expressions over all of them."""
        return pa.array(self.answers, pa.string())


def dialogue(rows: pa.Table) -> Dialogue:
    """The pairs of finished rows; raw chunks have none."""
    turns = rows["turns"].combine_chunks()
    roles = pc.struct_field(pc.list_flatten(turns), "role").to_pylist()
    said = pc.fill_null(contents(rows), "").to_pylist()
    ends = np.cumsum(pc.list_value_length(turns).to_numpy(zero_copy_only=False), dtype=np.int64)
    starts = [0, *ends.tolist()]
    owners: list[int] = []
    prompts: list[str] = []
    answers: list[str] = []
    instructions: list[str] = []
    lasts: list[int] = []
    extras = rows["extra"].to_pylist()
    spans = list(pairwise(starts))
    for row, (form, (start, end)) in enumerate(zip(rows["form"].to_pylist(), spans, strict=True)):
        prompt = first = ""
        before = len(owners)
        for turn in range(start, end) if form in FORMS else ():
            role = roles[turn]
            if role == "user":
                prompt = said[turn]
                first = first or prompt
            elif role in ANSWERS and not _silent(turn, start, said, extras[row]):
                owners.append(row)
                prompts.append(prompt)
                answers.append(said[turn])
        instructions.append(first)
        lasts.append(len(owners) - 1 if len(owners) > before else -1)
    return Dialogue(
        np.array(owners, np.int64),
        prompts,
        answers,
        instructions,
        np.array(lasts, np.int64),
        spans,
        roles,
        said,
    )


def _silent(turn: int, start: int, said: Sequence[str], extra: str) -> bool:
    """Whether an empty turn is none that lacks an answer: it calls a tool."""
    return not said[turn].strip() and str(turn - start) in called(extra)


def called(extra: str) -> Container[str]:
    """The numbers of the turns that call tools, as the row's own data has them."""
    if '"tool_calls"' not in extra:
        return ()
    found = json.loads(extra).get("tool_calls")
    return found if isinstance(found, dict) else ()
