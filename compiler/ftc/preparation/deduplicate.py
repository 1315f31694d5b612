"""`[prepare.deduplicate]`: settings of the step of that name."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ftc.part import Count, Part, Text

Alike = Annotated[float, Field(ge=0.3, le=1)]


class Deduplicate(Part):
    """Which rows say what another row says already."""

    exact: bool = Field(True, description="drop rows that are equal once normalised")
    normalise: bool = Field(
        True,
        description="exact: case, Unicode forms and white space tell no rows apart; "
        "false: byte for byte",
    )
    punctuation: bool = Field(
        False, description="exact: punctuation at the ends of words tells rows apart"
    )
    near: bool = Field(True, description="drop rows that share most of their word n-grams")
    threshold: Alike = Field(
        0.8, description="near: shared n-grams over all n-grams of both rows (Jaccard), at least"
    )
    ngram: Count = Field(3, description="near: words in an n-gram")
    meaning: Alike | None = Field(
        None, description="drop rows whose sentence embeddings have at least this cosine"
    )
    meaning_model: Text | None = Field(
        None, description="meaning: folder or Python package with a BERT sentence model"
    )
    against: list[Text] = Field(
        default_factory=list, description="files whose rows count as there already"
    )
