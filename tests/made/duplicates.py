"""Duplicates by seed, planted among made texts, and the truth about them, computed without ftc."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np

from made import words

BLOCK = 50_000  # texts made at a time
GROUP = 200  # rows of a template
KINDS = ("exact", "spelled", "near", "moved")
SHARES = (0.05, 0.05, 0.12, 0.04)


class Planted(NamedTuple):
    """`pairs` are (row, its copy, kind); `groups` the rows that fill one template each."""

    texts: list[str]
    pairs: list[tuple[int, int, str]]
    groups: list[list[int]]


def planted(count: int, seed: int, templates: float = 0.04, length: int = words.WORDS) -> Planted:
    """`count` texts, about a quarter of them copies and `templates` of them in templates."""
    random = np.random.default_rng(seed)
    groups = round(count * templates / GROUP)
    copies = [round(count * share) for share in SHARES]
    clean = count - groups * GROUP - sum(copies)
    made = [
        text
        for i, start in enumerate(range(0, clean + groups, BLOCK))
        for text in words.texts(min(BLOCK, clean + groups - start), seed * 1000 + i, length)
    ]
    texts = made[:clean]
    pairs = []
    for kind, wanted in zip(KINDS, copies, strict=True):
        for row in random.integers(0, clean, wanted).tolist():
            pairs.append((row, len(texts), kind))
            texts.append(CHANGES[kind](texts[row], random))
    ranges = []
    for base in made[clean:]:
        ranges.append(range(len(texts), len(texts) + GROUP))
        texts += _filled(base, random)
    order = random.permutation(len(texts))  # row i goes to order[i]
    mixed = [""] * len(texts)
    for place, text in zip(order.tolist(), texts, strict=True):
        mixed[place] = text
    return Planted(
        mixed,
        [(int(order[a]), int(order[b]), kind) for a, b, kind in pairs],
        [[int(order[i]) for i in group] for group in ranges],
    )


def grams(text: str, size: int = 3) -> frozenset[str]:
    """The word n-grams of a text; case does not count."""
    found = text.casefold().split()
    return frozenset(" ".join(found[i : i + size]) for i in range(len(found) - size + 1))


def jaccard(a: str, b: str) -> float:
    """Shared word 3-grams over all of both."""
    one, two = grams(a), grams(b)
    return len(one & two) / max(1, len(one | two))


def alike(texts: list[str], threshold: float = 0.8) -> dict[tuple[int, int], float]:
    """All pairs with at least this Jaccard similarity: an index of n-grams, then Python sets.

    Pairs are looked for by the rarest n - ceil(threshold n) + 1 n-grams of each row, one of which
    two rows that are alike share; `everywhere` does without.
    """
    sets = [grams(text) for text in texts]
    numbers: dict[str, int] = {}
    ids = np.array([numbers.setdefault(g, len(numbers)) for s in sets for g in sorted(s)], np.int64)
    rows = np.repeat(np.arange(len(sets)), [len(s) for s in sets])
    order = np.lexsort((ids, np.bincount(ids)[ids], rows))
    ids, rows = ids[order], rows[order]
    sizes = np.bincount(rows, minlength=len(sets))
    place = np.arange(len(rows)) - (np.cumsum(sizes) - sizes)[rows]
    chosen = place <= sizes[rows] - np.ceil(threshold * sizes[rows] - 1e-9)
    keys = np.unique(np.concatenate(list(_together(ids[chosen], rows[chosen], len(texts)))))
    pairs = zip((keys // len(texts)).tolist(), (keys % len(texts)).tolist(), strict=True)
    return _verified(sets, pairs, threshold)


def everywhere(texts: list[str], threshold: float = 0.8) -> dict[tuple[int, int], float]:
    """The same by comparing every row with every other."""
    return _verified([grams(text) for text in texts], combinations(range(len(texts)), 2), threshold)


def _verified(sets, pairs, threshold):
    found = {}
    for a, b in pairs:
        shared = len(sets[a] & sets[b])
        value = shared / max(1, len(sets[a]) + len(sets[b]) - shared)
        if value >= threshold:
            found[a, b] = value
    return found


def _together(ids, rows, count):
    """Keys of pairs of rows that have an n-gram in common."""
    order = np.lexsort((rows, ids))
    ids, rows = ids[order], rows[order]
    starts = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]]))
    sizes = np.diff(np.append(starts, len(ids)))
    yield np.zeros(0, np.int64)
    for size in np.unique(sizes[sizes > 1]).tolist():
        first, second = np.triu_indices(size, 1)
        mine = starts[sizes == size]
        step = max(1, 4_000_000 // len(first))
        for start in range(0, len(mine), step):
            together = rows[mine[start : start + step, None] + np.arange(size)]
            yield np.unique(together[:, first] * count + together[:, second])


def _exact(text, random):
    return text


def _spelled(text, random):
    """Other case, white space or punctuation, or all of them."""
    kinds = random.random(3) < 0.5
    if not kinds.any():
        kinds[random.integers(3)] = True
    if kinds[0]:
        text = [str.upper, str.lower, str.title][random.integers(3)](text)
    found = text.split()
    if kinds[2]:
        for i in random.integers(0, len(found), 10).tolist():
            if "!" not in found[i]:  # `x!` may be a factorial
                bare = found[i].rstrip(".,;:?")
                found[i] = bare + ("", ",", ".", ";", '"')[random.integers(5)]
    if kinds[1]:
        spaces = (" ", "  ", "\n", "\t", "\u00a0", " \r\n")
        parts = [word + spaces[random.integers(6)] for word in found]
        return " " + "".join(parts)
    return " ".join(found)


def _near(text, random):
    """From one to nine words put in, taken out or exchanged: both sides of the threshold."""
    found = text.split()
    pool = words.texts(1, int(random.integers(1 << 30)), 30)[0].split()
    for _ in range(int(random.integers(1, 10))):
        place = int(random.integers(len(found)))
        kind = random.integers(3)
        if kind == 0:
            found[place] = pool[random.integers(len(pool))]
        elif kind == 1:
            found.insert(place, pool[random.integers(len(pool))])
        elif len(found) > 3:
            del found[place]
    return " ".join(found)


def _moved(text, random):
    """Two to four parts in another order."""
    found = text.split()
    cuts = np.sort(random.integers(1, len(found), int(random.integers(1, 4)))).tolist()
    parts = [found[start:end] for start, end in pairwise([0, *cuts, len(found)])]
    order = random.permutation(len(parts)).tolist()
    return " ".join(word for i in order for word in parts[i])


CHANGES = {"exact": _exact, "spelled": _spelled, "near": _near, "moved": _moved}


def _filled(base, random):
    """`GROUP` rows that differ in two to seven words each, from a few fillings."""
    found = base.split()
    slots = random.choice(len(found), int(random.integers(2, 8)), replace=False).tolist()
    pool = words.texts(1, int(random.integers(1 << 30)), 30)[0].split()[: random.integers(6, 20)]
    rows = []
    for _ in range(GROUP):
        row = list(found)
        for slot in slots:
            row[slot] = pool[random.integers(len(pool))]
        rows.append(" ".join(row))
    return rows
