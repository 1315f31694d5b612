"""What stood where a placeholder is now, for those who hold the key."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from ftc.errors import FtcError
from ftc.prep import result
from ftc.prep.finished import folders
from ftc.prep.redact.vault import originals as opened
from ftc.recipe import Recipe
from ftc.survey.made import Augmented, augmented
from ftc.survey.story import story


def originals(recipe: Recipe, folder: Path, name: str) -> list[tuple[str, str]]:
    """(placeholder, original) of a row and of those that it was made from, in their order.

    FtcError when the recipe names no key, the key is another, or there is no such row.
    """
    prepare = recipe.preparation
    key = prepare.redact.key if prepare else None
    if key is None:
        raise FtcError(
            "prepare.redact.key: no key is named, so originals were not kept",
            hint="name a key file there and run ftc prepare: it needs the raw material once more",
        )
    root = result.root(recipe, folder)
    step = next((it for it in folders(root) if it.step == "redact"), None)
    if step is None:
        raise FtcError(f"{root}: step redact has not run", hint="run first: ftc prepare RECIPE")
    files = sorted((step.path / "ledger").glob("*.parquet"))
    found: list[tuple[str, str]] = []
    for row in _family(root, name, augmented(recipe, folder)):
        ledger = pq.read_table(files, filters=[("row", "==", row)])
        found += opened(ledger, folder / Path(key).expanduser()).get(row, [])
    return list(dict.fromkeys(found))


def _family(root: Path, name: str, made: Augmented | None) -> list[str]:
    """The id of a row and of all that it was made from."""
    found, waiting = [], [name]
    while waiting:
        told = story(root, waiting.pop(), made)
        found.append(told.id)
        waiting += [parent for parent in told.parents if parent not in found]
    return found
