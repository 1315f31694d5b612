"""`[prepare.decontaminate]`: settings of the step of that name."""

from __future__ import annotations

from pydantic import Field

from ftc.part import Part, Text


class Decontaminate(Part):
    against: list[Text] = Field(
        default_factory=list,
        description="eval files, or hub:OWNER/NAME[/SUBSET][@REVISION][#SPLIT]; none: nothing done",
    )
    columns: list[Text] | None = Field(
        None, description="columns of the eval rows to look for; default: all that hold text"
    )
    edits: float = Field(
        0.15, ge=0, le=0.25, description="share of an item's words that may differ, 0: none"
    )
    min_words: int = Field(5, ge=3, description="eval texts with fewer words are not looked for")
    drop: bool = Field(True, description="drop rows that hold an eval item; false: flag them")
