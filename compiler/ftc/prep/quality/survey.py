"""What is kept of each row before it can be compared with all others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ftc.prep.diversity.measures import counted, having, words
from ftc.prep.diversity.tone import EMOJI
from ftc.prep.quality import norms, reviewing, same
from ftc.prep.quality.cut import ended, prose
from ftc.prep.quality.view import View, view
from ftc.prep.step import Inputs

_T = TypeVar("_T", bound=np.generic)


class Form(NamedTuple):
    """A form that answers may have. `pattern` is RE2's; `least` words can have it or lack it."""

    name: str
    pattern: str
    least: int


FORMS = (
    Form("lists", r"(?m)^\s*(?:[-*•]|\d+[.)])\s", 20),
    Form("headings", r"(?m)^#{1,6} ", 20),
    Form("bold type", r"\*\*[^*\n]+\*\*", 20),
    Form("emoji", EMOJI, 20),
    Form("hashtags", r"(?:^|\s)#\pL", 20),
    Form("JSON", r"^\s*[\[{]", 1),
    Form("capitals only", "", 4),
    Form("no capitals", "", 8),
    Form("many exclamation marks", "", 4),
)
CARRIED = ["task", "kind", "tone", "forms", "told"]  # what `apply` need not find out again
NORMED = ["kind", "words", "asked", "tone", "forms", "told", "prose", "ended"]
SEVERAL = "several answers"
NAMES = tuple(form.name for form in FORMS)


def gather(rows: pa.Table, inputs: Inputs, out: Path, gone: Sequence[str] = ()) -> None:
    """Keep hashes, lengths, forms and tones of a batch: about 60 bytes a row.

    `gone` are the ids of rows that a person dropped.
    """
    kept = gathered(view(rows, inputs))
    pq.write_table(kept.replace_schema_metadata({reviewing.GONE: json.dumps(list(gone))}), out)


def decide(paths: Sequence[Path], inputs: Inputs, out: Path) -> dict[str, float]:
    """Compare all rows; the folder holds norms and, by batch, rows that others repeat."""
    for shard, path in enumerate(paths):
        pq.write_table(pq.read_table(path, columns=CARRIED), out / f"{shard:06}-rows.parquet")
    named = [pq.read_table(path, columns=["id", "claim", "stance"]) for path in paths]
    figures = same.write(named, out)
    reviewing.write(named, inputs, out)
    del named
    kept = [
        pq.read_table(path, columns=NORMED, filters=[("answered", "=", True)]) for path in paths
    ]
    norms.write(pa.concat_tables(kept).combine_chunks(), NAMES, out)
    return figures


def gathered(seen: View) -> pa.Table:
    """One row for each row; those without an answer have zeros."""
    claims, stances = same.keys(seen)
    lasts = seen.said.lasts
    has, told = forms(seen)
    prompts = pa.array(seen.said.instructions, pa.string())
    answered = lasts >= 0
    if len(seen.judged):
        answered &= seen.judged[lasts]
    column = seen.answers
    return pa.table(
        {
            "id": seen.rows["id"].combine_chunks(),
            "claim": claims,
            "stance": stances,
            "answered": answered,
            "words": by_row(seen.words, lasts),
            "asked": words(prompts),
            "task": pa.array(seen.tasks, pa.string()),
            "kind": pa.array(kinds(seen), pa.string()),
            "tone": pa.array(seen.tones, pa.string()),
            "forms": has,
            "told": told,
            "prose": by_row(prose(seen), lasts) & answered,
            "ended": by_row(ended(column), lasts),
        }
    )


def kinds(seen: View) -> list[str]:
    """By row, with which rows it is compared: those of its task, or those of several answers."""
    if seen.decision and seen.decision.rows is not None:
        return seen.decision.rows["kind"].to_pylist()  # type: ignore[no-any-return]
    answers = np.bincount(seen.said.owners, minlength=len(seen.said.lasts)).tolist()
    return [SEVERAL if count > 1 else task for count, task in zip(answers, seen.tasks, strict=True)]


def forms(seen: View) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """By row, bits of the forms that its last answer has, and of those it could have."""
    if seen.decision and seen.decision.rows is not None:
        rows = seen.decision.rows
        return rows["forms"].to_numpy(), rows["told"].to_numpy()
    lasts = seen.said.lasts
    has = np.zeros(len(lasts), np.int64)
    told = np.zeros(len(lasts), np.int64)
    for bit, form in enumerate(FORMS):
        found = having(seen.answers, form.pattern) if form.pattern else _marked(seen, form.name)
        has |= by_row(found, lasts).astype(np.int64) << bit
        told |= by_row(seen.words >= form.least, lasts).astype(np.int64) << bit
    return has, told


def _marked(seen: View, name: str) -> npt.NDArray[np.bool_]:
    """Answers of one of the last three forms; only those that may have it are looked through."""
    answers = seen.answers
    if name == "many exclamation marks":
        may = having(answers, r"!(?:[^!]*!){3}", cased=True)
        marks = counted(answers.filter(pa.array(may)), "!")
        may[may] = marks * 25 > seen.words[may]
        return may
    if name == "no capitals":
        return having(answers, r"\p{Ll}", cased=True) & ~having(answers, r"\p{Lu}", cased=True)
    may = ~having(answers, r"\p{Ll}", cased=True)
    some = answers.filter(pa.array(may))
    may[may] = having(some, r"(?:\p{Lu}[^\p{Ll}]*){8}", cased=True)
    return may


def by_row(values: npt.NDArray[_T], lasts: npt.NDArray[np.int64]) -> npt.NDArray[_T]:
    """The value of each row's last pair; zero for a row without one."""
    if not len(values):
        return np.zeros(len(lasts), values.dtype)
    return np.where(lasts >= 0, values[lasts], np.zeros(1, values.dtype))
