"""`[prepare.collect]`: how raw material is cut, and what the columns of tables mean."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ftc.part import Part, Text


class Collect(Part):
    max_words: int = Field(400, ge=20, le=1_000_000, description="words in a chunk at most")
    overlap: int = Field(
        0, ge=0, description="words that a chunk repeats of the one before; half a chunk at most"
    )
    documents: Literal["auto", "text", "chunk"] = Field(
        "auto",
        description="what a table's text column holds: text, whole rows to pre-train on; chunk, "
        "raw material that is cut and annotated; auto: text with stage = 'pretrain', else chunk",
    )
    columns: dict[str, Text] | None = Field(
        None, description="role (prompt, output, text, ...) to column, for tables that have these"
    )
