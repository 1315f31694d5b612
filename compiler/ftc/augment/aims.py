"""Which `[[augment.make]]` tables would fill the gaps that `ftc data` names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from ftc.prep.diversity.gaps import AXES, gaps
from ftc.preparation.diversity import Diversity

REST = 0.2  # of the rows, added as new tasks where answers repeat the same words; judgment


def suggest(
    figures: Mapping[str, float], settings: Diversity | None = None
) -> list[dict[str, str | int]]:
    """A table for each gap, in the order of the gaps: kind, what it aims at, and `rows`.

    `figures` are those of the step diversity. All make chats: for stage sft. Rows are as many as
    an aim lacks, or as many as bring a label up to `min_share` of all rows, themselves included.
    """
    wanted = settings or Diversity()
    total = int(figures.get("diversity.asked", 0))
    found: list[dict[str, str | int]] = []
    for gap in gaps(figures, wanted):
        if gap.name == "opening":
            table: dict[str, Any] = {"kind": "paraphrase"}
            rows = total * (gap.share / wanted.max_opening - 1) if wanted.max_opening else total
        elif gap.name == "distinct":
            table, rows = {"kind": "self-instruct"}, total * REST
        else:
            axis, _, name = gap.name.partition(".")
            table = _kind(axis, name) | {axis: name}
            aims = wanted.aims.get(axis, {})
            rows = aims[name] - gap.have if aims else _lacking(gap.have, total, wanted.min_share)
        found.append(table | {"rows": max(1, ceil(round(rows, 6)))})
    return found


def text(tables: Sequence[Mapping[str, str | int]]) -> str:
    """The tables as TOML, to paste into a recipe."""
    return "\n".join(
        "[[augment.make]]\n"
        + "".join(
            f"{key} = {value}\n" if isinstance(value, int) else f'{key} = "{value}"\n'
            for key, value in table.items()
        )
        for table in tables
    )


def _kind(axis: str, name: str) -> dict[str, Any]:
    if axis in ("tone", "length"):
        return {"kind": "restyle"}
    if axis == "difficulty" and name != AXES[axis][0]:
        return {"kind": "evolve", "how": "harder"}
    return {"kind": "self-instruct"}


def _lacking(have: int, total: int, share: float) -> float:
    return (share * total - have) / (1 - share) if share < 1 else total
