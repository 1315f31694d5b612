"""The ledger of `redact`: a line for every row in which something was replaced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from ftc.prep import ledger, rows
from ftc.prep.redact.span import KINDS
from ftc.prep.redact.vault import Vault

Numbers = np.ndarray[Any, np.dtype[np.int64]]


def table(
    batch: pa.Table,
    owners: Numbers,
    kinds: Numbers,
    pairs: Sequence[tuple[str, str]],
    vault: Vault | None,
) -> pa.Table:
    """A line for each row of the redacted batch that owns a span.

    For each span, in the order of the texts, `owners` has its row, `kinds` its index in
    `span.KINDS`, and with a vault `pairs` has its placeholder and what was there.
    """
    order = np.argsort(owners, kind="stable")
    ends = cuts(owners[order])
    changed = batch.take(pa.array(owners[order][ends[:-1]])).combine_chunks()
    count = changed.num_rows
    own = kinds[order].tolist()
    before = pa.repeat("", count)
    if vault:
        some = [[pairs[at] for at in order[a:b].tolist()] for a, b in pairwise(ends)]
        sealed = zip(changed["id"].to_pylist(), some, strict=True)
        before = pa.array([vault.seal(row, its) for row, its in sealed], pa.string())
    columns = {
        "row": changed["id"],
        "action": pa.repeat("changed", count),
        "reason": pa.repeat("personal data replaced", count),
        "detail": [_detail(tuple(own[a:b])) for a, b in pairwise(ends)],
        "file": changed["file"],
        "place": changed["place"],
        "before": before,
        "after": rows.texts(changed),
    }
    return pa.table(columns, schema=ledger.SCHEMA)


def cuts(numbers: Numbers) -> list[int]:
    """Where each run of equal numbers begins, and where the last one ends."""
    if not len(numbers):
        return [0]
    return [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]


@lru_cache(maxsize=4096)
def _detail(kinds: tuple[int, ...]) -> str:
    """As "EMAIL x2, PHONE x1"."""
    counts = Counter(KINDS[kind].upper() for kind in kinds)
    return ", ".join(f"{kind} x{counts[kind]}" for kind in sorted(counts))
