"""`[augment.limits]`: where `ftc augment` stops, whatever is still missing."""

from __future__ import annotations

from pydantic import Field

from ftc.part import Count, Part


class Limits(Part):
    """Caps over all kinds, the judge included; what was paid for in earlier runs counts too."""

    rows: Count | None = Field(None, description="rows that are made at most")
    tokens: Count | None = Field(None, description="tokens of prompts and answers at most")
    cost: float | None = Field(None, ge=0, description="cost at most, in the currency of prices")
