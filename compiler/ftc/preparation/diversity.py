"""`[prepare.diversity]`: settings of the step of that name."""

from __future__ import annotations

from pydantic import Field

from ftc.part import Count, Part, Share


class Diversity(Part):
    """What counts as short or hard, and from when on something is missing."""

    short: Count = Field(50, description="answers of at most so many words are short")
    long: Count = Field(200, description="answers of more words than this are long")
    easy: Share = Field(0.25, description="rows of less difficulty than this are easy")
    hard: Share = Field(0.5, description="rows of at least this difficulty are hard")
    min_share: Share = Field(0.02, description="a label with a smaller share of the rows is a gap")
    max_opening: Share = Field(
        0.2, description="a larger share of instructions with the same first three words is a gap"
    )
    min_distinct: Share = Field(
        0.3, description="a smaller share of different word pairs in the answers is a gap"
    )
    aims: dict[str, dict[str, Count]] = Field(
        default_factory=dict,
        description="rows wanted by axis and label, as in task.summarise = 50; an axis with aims "
        "is judged by them alone",
    )
