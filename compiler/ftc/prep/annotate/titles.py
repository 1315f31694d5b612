"""Rule "titles": the title of a document or of its part asks for the text."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.prep.annotate.draft import Draft, filled, whole
from ftc.prep.rows import Row
from ftc.preparation.annotate import Annotate


def drafts(row: Row, settings: Annotate) -> Iterator[Draft]:
    """One row for a chunk of prose or of a web page with a title."""
    if settings.titles is None or row.medium not in ("prose", "web") or not row.title.strip():
        return
    user = filled(settings.titles.template, row)
    if user:
        yield whole(row, user)
