"""English-like text by seed: a chain over word pairs of the documentation in CPython."""

from __future__ import annotations

import re
from functools import cache
from pydoc_data.topics import topics

import numpy as np

WORDS = 150  # a row


@cache
def _chain():
    """words, and for every word the words that follow it, as (starts, followers)."""
    text = " ".join(topics[name] for name in sorted(topics))
    found = [w for w in re.findall(r"[A-Za-z][A-Za-z'-]*[.,;:?!]?", text) if len(w) < 20]
    words = sorted(set(found))
    index = {word: i for i, word in enumerate(words)}
    ids = np.array([index[word] for word in found], np.int32)
    order = np.argsort(ids[:-1], kind="stable")
    followers = ids[1:][order]
    starts = np.searchsorted(ids[:-1][order], np.arange(len(words) + 1))
    return np.array(words, object), starts, followers


def texts(count: int, seed: int, words: int = WORDS) -> list[str]:
    """`count` texts of about `words` words (two thirds to four thirds of it), no two alike."""
    vocabulary, starts, followers = _chain()
    random = np.random.default_rng(seed)
    lengths = random.integers(words * 2 // 3, words * 4 // 3 + 1, count)
    state = random.integers(0, len(vocabulary), count)
    columns = np.empty((int(lengths.max(initial=1)), count), np.int32)
    for step in range(len(columns)):
        columns[step] = state
        sizes = starts[state + 1] - starts[state]
        pick = starts[state] + (random.random(count) * np.maximum(sizes, 1)).astype(np.int64)
        jump = (sizes == 0) | (random.random(count) < 0.15)  # other subject: rows differ more
        state = np.where(
            jump,
            random.integers(0, len(vocabulary), count),
            followers[np.minimum(pick, len(followers) - 1)],
        )
    return [
        " ".join(vocabulary[columns[:length, i]]).capitalize() + "."
        for i, length in enumerate(lengths)
    ]
