"""`[augment.judge]`: a model that scores rows."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from ftc.part import Count, Part, Share, Text


class Judge(Part):
    """How rows are scored, from 0 to 1, and what a score decides."""

    method: Literal["rubric", "ultrafeedback", "prometheus", "pairwise"] = Field(
        "rubric",
        description="one score by a rubric; four aspects; a rubric with levels; against the parent",
    )
    model: Text | None = Field(None, description="one of augment.models; default: augment.model")
    rubric: Text | None = Field(None, description="file of your own rubric; default: that of ftc")
    threshold: Share = Field(0.5, description="made rows that score less are not trained on")
    human_rows: int = Field(50, ge=0, description="rows of yours to score too, for comparison")
    runs: Count = Field(2, description="times that some rows are judged, for the agreement")
    agreement_rows: Count = Field(50, description="rows that are judged more than once")

    @model_validator(mode="after")
    def _whole(self) -> Judge:
        """A rubric stands only where a method reads one."""
        if self.rubric is not None and self.method in ("ultrafeedback", "pairwise"):
            raise PydanticCustomError(
                "augment", "no rubric with method = {method}", {"method": self.method}
            )
        return self
