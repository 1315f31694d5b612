"""What new rows are to be: said in prompts as values, and measured in the rows that came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ftc.augment.kind import Made, Refused
from ftc.augmentation.make import AIMS, Make
from ftc.prep.diversity.dialogue import dialogue
from ftc.prep.diversity.gaps import AXES, DIFFICULTIES
from ftc.prep.diversity.step import labels
from ftc.prep.rows import Row, table
from ftc.preparation.diversity import Diversity

BOUNDS = Diversity()  # rows are counted as they are by default, whatever the recipe says
UNMEASURED = ("paraphrase",)
_WORDS = {
    "short": f"at most {BOUNDS.short} words",
    "medium": f"{BOUNDS.short} to {BOUNDS.long} words",
    "long": f"more than {BOUNDS.long} words",
}
_TASKS = {  # other words for the task types of `ftc data`
    "summar": "summarise",
    "question": "qa",
    "extract": "extract",
    "classif": "classify",
    "rewrit": "rewrite",
    "translat": "translate",
    "cod": "code",
    "program": "code",
    "reason": "reason",
    "math": "reason",
    "brainstorm": "brainstorm",
    "expla": "explain",
    "creative": "write",
    "writ": "write",
    "convers": "chat",
}


def values(make: Make) -> dict[str, str]:
    """The aims for a prompt, "" where the recipe names none; `words` is the length in words."""
    met = AIMS[make.kind]
    told = {axis: getattr(make, axis) or "" if axis in met else "" for axis in AXES}
    return told | {"words": _WORDS.get(told["length"], "")}


def label(axis: str, wanted: str) -> str:
    """The label of `ftc data` for what a recipe names; "" when it is none of those measured."""
    name = wanted.casefold().strip()
    if name in AXES[axis]:
        return name
    if axis == "task":
        return next((task for start, task in _TASKS.items() if name.startswith(start)), "")
    return ""


def noted(made: list[list[Made | Refused]], make: Make) -> list[list[Made | Refused]]:
    """The same, each row that misses an aim with notes["aim"] = {axis: what it is}.

    Such rows are kept: they are paid for, and the measures count words, which is no ground to
    throw an answer away. Rows that cannot be measured get no note.
    """
    wanted = _wanted(make)
    rows = [one.row for seed in made for one in seed if isinstance(one, Made)]
    if not wanted or not rows:
        return made
    missed = iter(_missed(rows, wanted))
    return [
        [one if isinstance(one, Refused) else _with(one, next(missed)) for one in seed]
        for seed in made
    ]


def _wanted(make: Make) -> dict[str, str]:
    axes = () if make.kind in UNMEASURED else AIMS[make.kind]
    told = {axis: label(axis, getattr(make, axis) or "") for axis in axes}
    return {axis: name for axis, name in told.items() if name}


def _missed(rows: Sequence[Row], wanted: dict[str, str]) -> list[dict[str, str]]:
    found = []
    for notes in labels(dialogue(table(rows)), BOUNDS):
        is_ = {axis: _is(axis, notes) for axis in wanted}
        found.append({axis: name for axis, name in is_.items() if name and name != wanted[axis]})
    return found


def _is(axis: str, notes: dict[str, Any]) -> str:  # Any: what notes hold
    if axis != "difficulty" or not notes:
        return str(notes.get(axis, ""))
    level = notes["difficulty"]
    return DIFFICULTIES[(level >= BOUNDS.easy) + (level >= BOUNDS.hard)]


def _with(made: Made, missed: dict[str, str]) -> Made:
    if not missed:
        return made
    return made._replace(row=made.row._replace(notes=made.row.notes | {"aim": missed}))
