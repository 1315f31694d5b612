"""Rule "titles": the title of a document or of its part asks for the text."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.prep.annotate.draft import Draft, filled, whole
from ftc.prep.rows import Row
from ftc.preparation.annotate import Annotate


def drafts(row: Row, settings: Annotate) -> Iterator[Draft]:
    """One row for a chunk with a title; e-mails have a rule of their own."""
    spoken = row.medium in ("mail", "transcript")
    if settings.titles is None or spoken or not row.title.strip():
        return
    user = filled(settings.titles.template, row)
    if user:
        yield whole(row, user)
