"""What an answer is worth, by what the maker of the rows knows; shares from 0 to 1."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from made import duplicates, pii

from bench_data import child
from bench_data.corpus import THRESHOLD

KINDS = ("verbatim", "case", "punctuation", "edits 3 %", "edits 10 %")


def truth(folder: Path) -> Any:
    """What the maker knows."""
    return json.loads((folder / "truth.json").read_text("utf-8"))


def share(part: float, whole: float) -> float:
    """Part of a whole; 1 when there is nothing to find."""
    return part / whole if whole else 1.0


def contamination(answer: dict[str, list[int]], folder: Path, rows: int) -> dict[str, float]:
    """Recall by the way an item was changed, and the share of clean rows that were flagged."""
    kinds = truth(folder)["kinds"][:rows]
    flagged = set(answer["flagged"])
    there = Counter(kinds)
    found = Counter(kinds[number] for number in flagged)
    recalls = {kind: share(found[kind], there[kind]) for kind in KINDS}
    return recalls | {"clean flagged": share(found[""], there[""])}


def count(answer: int, folder: Path, rows: int) -> dict[str, float]:
    """The share of the rows that came through."""
    return {"rows read": share(answer, rows)}


def read(answer: int, folder: Path, rows: int) -> dict[str, float]:
    """The share of the rows that were read, and the size of their file."""
    return count(answer, folder, rows) | {"file MB": (folder / "rows.jsonl").stat().st_size / 1e6}


def spans(answer: dict[str, list[Any]], folder: Path, rows: int) -> dict[str, float]:
    """Recall by kind; recall and precision over all, and of the worst kind that is planted."""
    if "spans" not in answer:
        return {}
    known = [
        pii.Document("", [tuple(span) for span in spans]) for spans in truth(folder)["spans"][:rows]
    ]
    found: list[list[tuple[str, int, int]]] = [[] for _ in known]
    for row, start, end, kind in answer["spans"]:
        if row < len(found):
            found[row].append((kind, start, end))
    rates = pii.score(found, known)
    planted = {kind: rate for kind, rate in rates.items() if rate.planted}
    hits = sum(rate.recall * rate.planted for rate in planted.values())
    right = sum(rate.precision * rate.found for rate in rates.values())
    whole = {
        "recall": share(hits, sum(rate.planted for rate in planted.values())),
        "precision": share(right, sum(rate.found for rate in rates.values())),
        "worst recall": min(rate.recall for rate in planted.values()),
        "worst precision": min(rate.precision for rate in planted.values()),
    }
    return whole | {kind: rate.recall for kind, rate in planted.items()}


def lengths(answer: dict[str, float], folder: Path, rows: int) -> dict[str, float]:
    """The quantiles themselves."""
    return answer


def exact(answer: dict[str, list[int]], folder: Path, rows: int) -> dict[str, float]:
    """Recall of equal texts and of those spelled in another way; precision by normalised text."""
    dropped = set(answer["dropped"])
    there, found = Counter[str](), Counter[str]()
    for a, b, kind in truth(folder)["pairs"]:
        there[kind] += 1
        found[kind] += a in dropped or b in dropped
    texts = [_normalised(text) for text in loaded(folder, rows)]
    often = Counter(texts)
    return {
        "recall": share(found["exact"], there["exact"]),
        "other spelling": share(found["spelled"], there["spelled"]),
        "precision": share(sum(often[texts[row]] > 1 for row in dropped), len(dropped)),
    }


def _normalised(text: str) -> str:
    usual = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"[^\w\s]", "", usual).split())


def near(answer: dict[str, list[Any]], folder: Path, rows: int) -> dict[str, float]:
    """Recall of the planted pairs that truly reach the threshold, by whether they share a cluster.

    A row of a cluster is right when it truly reaches the threshold with another row of it.
    """
    labels = clusters(answer["links"], rows)
    there, found = Counter[str](), Counter[str]()
    for a, b, kind in truth(folder)["pairs"]:
        where = "templates" if kind == "template" else "recall"
        there[where] += 1
        found[where] += labels[a] == labels[b]
    recalls = {name: share(found[name], there[name]) for name in ("recall", "templates")}
    return recalls | {"precision": _precision(answer["links"], labels, loaded(folder, rows))}


def clusters(links: Iterable[tuple[int, int]], rows: int) -> list[int]:
    """For each row the smallest number of the rows that it is linked with, on any way."""
    heads = list(range(rows))

    def head(row: int) -> int:
        while heads[row] != row:
            heads[row] = heads[heads[row]]
            row = heads[row]
        return row

    for a, b in links:
        one, two = head(a), head(b)
        heads[max(one, two)] = min(one, two)
    return [head(row) for row in range(rows)]


def _precision(links: Iterable[tuple[int, int]], labels: list[int], texts: list[str]) -> float:
    """Share of the linked rows that truly reach the threshold with a row of their cluster."""
    right: set[int] = set()
    rows = {row for link in links for row in link}
    for a, b in links:
        if not (a in right and b in right) and _alike(texts[a], texts[b]):
            right |= {a, b}
    members: dict[int, list[int]] = {}
    for row in sorted(rows):
        members.setdefault(labels[row], []).append(row)
    for row in sorted(rows - right):
        others = (other for other in members[labels[row]] if other != row)
        if any(_alike(texts[row], texts[other]) for other in others):
            right.add(row)
    return share(len(right), len(rows))


def _alike(one: str, two: str) -> bool:
    """Whether two texts reach the threshold, their punctuation counted or left out."""
    return (
        duplicates.jaccard(one, two) >= THRESHOLD
        or duplicates.jaccard(_normalised(one), _normalised(two)) >= THRESHOLD
    )


def loaded(folder: Path, rows: int) -> list[str]:
    """The texts of a corpus."""
    return child.texts(folder, rows)


def mojibake(answer: dict[str, Any], folder: Path, rows: int) -> dict[str, float]:
    """Damaged rows that read as before, by kind and in all; sound rows that were changed."""
    if "changed" not in answer:
        return {}
    there, found = Counter[str](), Counter[str]()
    damaged = {row: known for row, known in truth(folder)["damaged"].items() if int(row) < rows}
    for row, (kind, clean) in damaged.items():
        there[kind] += 1
        found[kind] += answer["changed"].get(row) == clean
    kinds = {kind: share(found[kind], there[kind]) for kind in there}
    touched = sum(row not in damaged for row in answer["changed"])
    return {
        "repaired": share(found.total(), there.total()),
        **kinds,
        "sound changed": touched / max(1, rows - len(damaged)),
    }
