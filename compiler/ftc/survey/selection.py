"""Rows for people to look at: groups of duplicates, chunks to annotate, doubtful rows to review."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

from ftc.prep import finished
from ftc.prep.annotate import argilla
from ftc.prep.annotate import sheet as sheets
from ftc.prep.deduplicate import clusters as read_clusters
from ftc.prep.review import queue as write_queue
from ftc.recipe import Recipe

MEMBERS = 10  # of a group that are listed


def clusters(recipe: Recipe, folder: Path, limit: int) -> list[dict[str, Any]]:
    """The largest groups of duplicates: `kept` and `rows`, and some of the `members` that went."""
    found = read_clusters(finished.step(recipe, folder, "deduplicate").decision)
    groups = []
    for _, lines in groupby(found.to_pylist(), key=lambda line: line["cluster"]):
        members = list(lines)
        gone = [line for line in members if not line["kept"]]
        groups.append(
            {
                "kept": [line["row"] for line in members if line["kept"]],
                "rows": len(members),
                "members": [
                    {key: line[key] for key in ("row", "file", "place", "jaccard")}
                    for line in gone[:MEMBERS]
                ],
            }
        )
        if len(groups) == limit:
            break
    return groups


def sheet(recipe: Recipe, folder: Path, out: Path) -> int:
    """Write the chunks that come to the step `annotate`, without a suffix for Argilla; how many."""
    tables = finished.to_annotate(recipe, folder)
    if out.suffix:
        return sheets.sheet(tables, out)
    return argilla.export(tables, out, recipe.name)


def queue(recipe: Recipe, folder: Path, out: Path, rows: int | None) -> int:
    """Write the most doubtful rows that the step `quality` let through; how many."""
    prepare = recipe.preparation
    wanted = rows or (prepare.quality.review_rows if prepare else 0)
    return write_queue(finished.tables(finished.step(recipe, folder, "quality")), out, wanted)
