"""Ledgers of other steps without personal data: what to give away in place of the originals."""

from __future__ import annotations

import pyarrow as pa

from ftc.prep import ledger
from ftc.prep.redact import names, search
from ftc.prep.redact.span import settle
from ftc.prep.redact.texts import pieces
from ftc.preparation.redact import Redact

_COLUMNS = ("detail", "before", "after")


def scrubbed(lines: pa.Table, settings: Redact) -> pa.Table:
    """The ledger with "[EMAIL]" and the like in details and texts, without numbers.

    It finds what the step finds with these settings. What `redact` sealed stays sealed.
    """
    for column in _COLUMNS:
        array = pa.array(lines[column].to_pylist(), pa.string())
        found = search.find_all(array, settings.kinds, settings.locales)
        if settings.names:
            for index, spans in names.find_all(array.to_pylist()).items():
                found[index] = settle([*found.get(index, []), *spans])
        texts = array.to_pylist()
        for index, spans in found.items():
            places = [(span.start, span.end, f"[{span.kind.upper()}]") for span in spans]
            texts[index] = pieces(texts[index], places)
        at = ledger.SCHEMA.get_field_index(column)
        lines = lines.set_column(at, ledger.SCHEMA.field(at), pa.array(texts, pa.string()))
    return lines
