"""What a step is: a function over a batch of rows, and what it may look at beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from ftc.preparation import Prepare


@dataclass(frozen=True)
class Inputs:
    """All that a step may know beside its rows.

    `settings` is the step's own part of `prepare`. `decision` is the folder that the step's
    `decide` wrote; `shard` the number of the batch, counted from 0 in the order of the rows.
    """

    folder: Path  # of the recipe; relative paths of settings are relative to it
    prepare: Prepare
    settings: Any  # the part of `prepare` that the step names
    seed: int
    shard: int = 0
    decision: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """What a step made of a batch. `figures` add up over batches."""

    rows: pa.Table  # of rows.SCHEMA, those that go on
    ledger: pa.Table  # of ledger.SCHEMA
    figures: dict[str, float] = field(default_factory=dict)


class Step(NamedTuple):
    """A step by its name, which is also its table below `[prepare]`.

    `apply` sees one batch. A step that has to see all rows first has `gather`, which writes what
    it needs of a batch into a file, and `decide`, which reads those files, in the order of the
    batches, and writes a folder for `apply`. `files` are read by the step: their content is part
    of the key of its output, as are the texts of the modules in `code` (packages whole) and the
    versions of `libraries`. Every function is pure but for these files, and can be pickled.
    """

    name: str
    apply: Callable[[pa.Table, Inputs], Outcome]
    code: tuple[str, ...]
    libraries: tuple[str, ...] = ()
    files: Callable[[Inputs], Sequence[Path]] | None = None
    gather: Callable[[pa.Table, Inputs, Path], None] | None = None
    decide: Callable[[Sequence[Path], Inputs, Path], dict[str, float]] | None = None
