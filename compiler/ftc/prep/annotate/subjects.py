"""Rule "subjects": the subject of an e-mail asks for its body."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ftc.prep.annotate.draft import Draft, filled, whole
from ftc.prep.rows import Row
from ftc.preparation.annotate import Annotate

# An answer cannot be written from its subject alone, nor what was passed on.
ANSWERED = re.compile(r"\s*(?:re|aw|antw|sv|vs|res|rif|fwd?|wg|tr|rv|enc)\s*(?:\[\d+\])?:", re.I)


def drafts(row: Row, settings: Annotate) -> Iterator[Draft]:
    """One row for an e-mail with a subject of its own; answers and what is passed on give none."""
    if row.medium != "mail" or not row.title.strip() or ANSWERED.match(row.title):
        return
    user = filled(settings.subjects.template, row)
    if user:
        yield whole(row, user)
