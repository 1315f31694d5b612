"""How much the rows repeat each other: the same openings, the same phrases."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from ftc.prep.rows import dumped

SAMPLE_WORDS = 50_000  # of answers; shares of different n-grams fall with length, so it is fixed
OPENING = 3  # words
NGRAMS = 4
_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")


def opening(instruction: str) -> str:
    """The first three words of an instruction in lower case; "" when it has fewer."""
    found = _WORD.findall(instruction[:120].lower())[:OPENING]
    return " ".join(found) if len(found) == OPENING else ""


def write(openings: Iterable[str], answers: Iterable[tuple[str, str]], out: Path) -> None:
    """Keep the openings of a batch, and the answers (id, text) that a sample might take."""
    counts = Counter(name for name in openings if name)
    said = {"openings": dict(sorted(counts.items())), "answers": _sampled(answers)}
    out.write_text(dumped(said), "utf-8")


def measured(gathered: Sequence[Path]) -> dict[str, float]:
    """Figures over all batches, of the sample of answers whose ids are smallest.

    distinct_1 to distinct_3 are shares of different n-grams among all (Li et al., 2016, "A
    diversity-promoting objective function"); ngram_diversity is the sum of these shares for 1 to
    4 words (Shaib et al., 2024, "Standardizing the measurement of text diversity"), from 0 to 4.
    """
    openings: Counter[str] = Counter()
    answers: list[tuple[str, str]] = []
    for path in gathered:
        said = json.loads(path.read_text("utf-8"))
        openings.update(said["openings"])
        answers = _sampled([*answers, *map(tuple, said["answers"])])
    texts = [_WORD.findall(text.lower()) for _, text in answers]
    figures = {"diversity.sample_words": float(sum(map(len, texts)))}
    shares = [_distinct(texts, size) for size in range(1, NGRAMS + 1)]
    for size in (1, 2, 3):
        figures[f"diversity.distinct_{size}"] = shares[size - 1]
    figures["diversity.ngram_diversity"] = round(sum(shares), 4)
    total = sum(openings.values())
    most = max(openings.values(), default=0)
    figures["diversity.openings"] = float(len(openings))
    figures["diversity.top_opening_share"] = round(most / total, 4) if total else 0.0
    return figures


def common(gathered: Sequence[Path], count: int = 10) -> list[tuple[str, int]]:
    """The most common openings and how many instructions begin with them."""
    openings: Counter[str] = Counter()
    for path in gathered:
        openings.update(json.loads(path.read_text("utf-8"))["openings"])
    return sorted(openings.items(), key=lambda item: (-item[1], item[0]))[:count]


def _sampled(answers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The answers with the smallest ids, which are hashes, up to `SAMPLE_WORDS`."""
    taken: list[tuple[str, str]] = []
    count = 0
    for row, text in sorted(answers):
        if count >= SAMPLE_WORDS:
            break
        taken.append((row, text))
        count += text.count(" ") + 1
    return taken


def _distinct(texts: Sequence[Sequence[str]], size: int) -> float:
    """The share of different n-grams among all n-grams of the texts."""
    seen: set[tuple[str, ...]] = set()
    total = 0
    for words in texts:
        found = list(zip(*(words[start:] for start in range(size)), strict=False))
        seen.update(found)
        total += len(found)
    return round(len(seen) / total, 4) if total else 0.0
