"""What a kind of synthetic rows is: seeds go in, rows or refusals come out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ftc.augment.question import Ask
from ftc.augmentation import Make
from ftc.prep.rows import Row


class Seed(NamedTuple):
    """A row to make something of. `number` counts what is made of the same row, from 0; `others`
    are further rows for kinds that show several to the model."""

    row: Row
    number: int = 0
    others: tuple[Row, ...] = ()


class Made(NamedTuple):
    """A new row. `row.parents` names the rows that it was made from; `calls` the keys of all
    questions that it took, the last one that which gave the row."""

    row: Row
    calls: tuple[str, ...]


class Refused(NamedTuple):
    """A seed of which nothing came, and why: `failed` when the model did not answer in a form that
    can be used, otherwise what a check of the kind had against it."""

    seed: str
    failed: bool
    reason: str
    detail: str = ""
    calls: tuple[str, ...] = ()


class Kind(NamedTuple):
    """A kind by its name in the recipe.

    `takes` says "" when a row can be a seed, else why not in a few words. `make` gets some seeds
    at a time and answers for each of them, in their order: a kind may make several rows of a seed,
    or refuse it. It asks in batches, so that questions of one stage are in flight together.
    `prompts` names its templates below templates/augment/, for the hash and for the estimate.
    `form` is that of the rows it makes, "" for that of their seed.
    """

    name: str
    prompts: tuple[str, ...]
    takes: Callable[[Row, Make], str]
    make: Callable[[Sequence[Seed], Make, Ask], list[list[Made | Refused]]]
    form: str = ""
