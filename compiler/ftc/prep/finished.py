"""What finished steps left: the rows that came out of one, the chunks that come to `annotate`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from ftc.errors import FtcError
from ftc.prep import result, runner
from ftc.prep.pipeline import COLLECT, STEPS
from ftc.prep.store import DONE, Folder, read_table
from ftc.preparation import Prepare
from ftc.recipe import Recipe


def folders(root: Path) -> list[Folder]:
    """The finished steps below a folder of prepared data, in their order."""
    found = (Folder.of(path.parent, root) for path in (root / "steps").glob(f"*/{DONE}"))
    order = (COLLECT, *STEPS)
    return sorted((it for it in found if it), key=lambda it: order.index(it.step))


def step(recipe: Recipe, folder: Path, name: str) -> Folder:
    """The folder of a finished step; FtcError when it has not run."""
    root = result.root(recipe, folder)
    found = next((it for it in folders(root) if it.step == name), None)
    if found is None:
        raise FtcError(
            f"{root}: step {name} has not run", hint=f"ftc prepare RECIPE --only {name} runs it"
        )
    return found


def tables(folder: Folder) -> Iterator[pa.Table]:
    """The rows that came out of a step, batch by batch."""
    done = folder.done()
    for batch in done.batches if done else ():
        yield read_table(folder.rows(batch.name))


def before_annotate(prepare: Prepare) -> str:
    """The last step that sees raw chunks."""
    names = runner.names(prepare)
    return names[names.index("annotate") - 1] if "annotate" in names else names[-1]


def to_annotate(recipe: Recipe, folder: Path) -> Iterator[pa.Table]:
    """The rows, chunks among them, that come to the step `annotate`; FtcError when there are none
    yet."""
    prepare = recipe.preparation
    if prepare is None:
        raise FtcError(
            "the recipe has no [prepare], so there are no chunks to annotate",
            hint='add one, for example: [prepare] with sources = ["raw/"]',
        )
    return tables(step(recipe, folder, before_annotate(prepare)))
