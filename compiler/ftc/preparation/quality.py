"""`[prepare.quality]`: settings of the step of that name."""

from __future__ import annotations

from pydantic import Field

from ftc.part import Count, Part, Share, Text


class Quality(Part):
    """Which faults drop a row, what each costs, and who looks at the doubtful ones."""

    min_quality: Share = Field(0.3, description="rows below this quality are dropped")
    drop: list[Text] = Field(
        default_factory=lambda: [
            "missing field",
            "empty answer",
            "same row twice",
            "chosen is rejected",
        ],
        description="faults that drop a row, whatever its quality is",
    )
    off: list[Text] = Field(default_factory=list, description="faults not to look for")
    weights: dict[str, Share] = Field(
        default_factory=dict,
        description="what a group of checks costs at most, where it is not to be the default",
    )
    outlier: float = Field(
        5.0, gt=0, description="robust standard deviations from which a length is an outlier"
    )
    odd_share: Share = Field(
        0.05, description="a form or tone that at most this share of the rows has is odd"
    )
    words_file: Text | None = Field(
        None, description="file of more words that an answer must not have, one a line"
    )
    review: Text | None = Field(None, description="file of reviewed rows to read back")
    review_rows: Count = Field(50, description="rows to put up for review, the most doubtful ones")
