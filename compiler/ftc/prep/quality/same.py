"""Rows that say the same twice, and rows that answer the same prompt in different ways."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ftc.prep.diversity.dialogue import FORMS
from ftc.prep.quality.view import View
from ftc.prep.rows import dumped

SHOWN = 5  # other rows that a detail names
LINES = pa.schema([("index", pa.int32()), ("kind", pa.string()), ("detail", pa.string())])


def keys(seen: View) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """By row: a hash of what it claims something about, and a hash of what it claims.

    A chat claims its last answer to all that stands before it; a preference row, which of two
    answers is the better one; a rated row, its label of a completion. A document claims nothing.
    Case and spaces do not count. A row that is none of these has two zeros.
    """
    claims = np.zeros(seen.rows.num_rows, np.uint64)
    stances = np.zeros(seen.rows.num_rows, np.uint64)
    extras = seen.rows["extra"].to_pylist()
    for row, form in enumerate(seen.forms):
        if form in FORMS:
            start, end = seen.said.spans[row]
            texts = [_flat(text) for text in seen.said.said[start:end]]
            claim, stance = _claim(form, seen.said.roles[start:end], texts, extras[row])
            claims[row], stances[row] = _hash(claim), _hash(stance)
    return claims, stances


def _claim(
    form: str, roles: Sequence[str], texts: Sequence[str], extra: str
) -> tuple[list[str], list[str]]:
    if form == "text" or not texts:
        return list(texts), []
    if form == "preference":
        answers = [text for role, text in zip(roles, texts, strict=True) if role in _RATED]
        return [*texts[: -len(answers) or None], *sorted(answers)], answers
    if form == "kto":
        return list(texts), [str(json.loads(extra).get("label"))]
    context = [f"{role}:{text}" for role, text in zip(roles[:-1], texts[:-1], strict=True)]
    return [*context, *_tools(extra)], [texts[-1]]


def _tools(extra: str) -> list[str]:
    """What a chat may call and calls, as text: another call is another context."""
    if '"tool' not in extra:
        return []
    own = json.loads(extra)
    return [dumped({name: own[name]}) for name in ("tools", "tool_calls") if name in own]


def _flat(text: str) -> str:
    """A text in one case, its words with one space between them."""
    text = text.casefold()
    spaced = "  " in text or "\n" in text or "\t" in text or "\xa0" in text
    return " ".join(text.split()) if spaced else text.strip()


_RATED = ("chosen", "rejected")


def _hash(parts: Sequence[str]) -> int:
    text = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")


def write(gathered: Sequence[pa.Table], out: Path) -> dict[str, float]:
    """For each batch, a file of the rows that are the same as another or contradict one."""
    sizes = [table.num_rows for table in gathered]
    starts = np.cumsum([0, *sizes])
    ids = pa.chunked_array([table["id"].combine_chunks() for table in gathered], pa.string())
    claims = np.concatenate([table["claim"].to_numpy() for table in gathered])
    stances = np.concatenate([table["stance"].to_numpy() for table in gathered])
    found: list[tuple[int, str, str]] = []
    for group in _groups(claims, stances):
        found += _told(group, stances, ids)
    found.sort()
    rows = np.array([row for row, _, _ in found], np.int64)
    for shard, (start, end) in enumerate(pairwise(starts.tolist())):
        first, last = np.searchsorted(rows, [start, end]).tolist()
        lines = found[first:last]
        columns = {
            "index": [row - start for row, _, _ in lines],
            "kind": [kind for _, kind, _ in lines],
            "detail": [detail for _, _, detail in lines],
        }
        pq.write_table(pa.table(columns, schema=LINES), out / f"{shard:06}.parquet")
    kinds = [kind for _, kind, _ in found]
    return {
        "quality.same_rows": float(kinds.count("twice")),
        "quality.contradicting_rows": float(kinds.count("against")),
    }


def _groups(
    claims: npt.NDArray[np.uint64], stances: npt.NDArray[np.uint64]
) -> Iterator[npt.NDArray[np.int64]]:
    """Indices of rows with one claim, where there are several, in the order of the rows."""
    order = np.argsort(claims, kind="stable")
    held = claims[order]
    bounds = np.flatnonzero(held[1:] != held[:-1]) + 1
    for start, end in pairwise([0, *bounds.tolist(), len(order)]):
        if end - start > 1 and held[start]:
            yield order[start:end]


def _told(
    group: npt.NDArray[np.int64], stances: npt.NDArray[np.uint64], ids: pa.ChunkedArray
) -> list[tuple[int, str, str]]:
    """(row, kind, detail) for the rows of a group: the first of each stance stands for it."""
    first: dict[int, int] = {}
    lines = []
    for row, stance in zip(group.tolist(), stances[group].tolist(), strict=True):
        if stance in first:
            lines.append((row, "twice", f"as row {ids[first[stance]].as_py()}"))
        else:
            first[stance] = row
    if len(first) < 2:
        return lines
    heads = list(first.values())
    names = [ids[row].as_py() for row in heads[: SHOWN + 1]]
    more = f" and {len(heads) - 1 - SHOWN} more" if len(heads) - 1 > SHOWN else ""
    for at, row in enumerate(heads):
        others = [name for i, name in enumerate(names) if i != at][:SHOWN]
        lines.append((row, "against", f"answered in another way by {', '.join(others)}{more}"))
    return lines
