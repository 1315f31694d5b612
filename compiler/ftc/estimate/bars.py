"""Stacked bars of one character cell a step: which part of the memory fills which cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

# As they are drawn: what can be given back stands last, so that what is needed ends before it.
LETTERS: dict[str, str] = {
    "weights": "W",
    "quantization": "Q",
    "reference": "R",
    "adapter": "A",
    "gradients": "G",
    "optimizer": "O",
    "checkpoints": "C",
    "block": "B",
    "loss": "L",
    "sharding": "S",
    "overhead": "V",
    "context": "X",
    "idle cache": "i",
}
MARK = "|"  # where the budget ends
NOTHING = ""


def cells(
    parts: Mapping[str, float], scale: float, width: int, mark: float | None
) -> Iterator[tuple[str, str]]:
    """(part, characters) from left to right; `scale` GiB fill `width` cells, `mark` is in GiB.

    Borders are rounded on the running sum, so that the bar is as long as its total. The mark has
    the part name "budget", what lies empty before it the name "".
    """
    each = width / scale
    row: list[tuple[str, str]] = []
    total = 0.0
    for part in LETTERS:
        total += parts.get(part, 0.0)
        row += [(part, LETTERS[part])] * (round(total * each) - len(row))
    if mark is not None:
        at = min(width, max(1, round(mark * each)))
        row += [(NOTHING, " ")] * (at - len(row))
        row[at - 1 : at] = [("budget", MARK)]
    for part, run in groupby(row, key=lambda cell: cell[0]):
        yield part, "".join(text for _, text in run)
