"""Eval items and rows that hold some of them, by seed: as they are, or changed in a known way."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from made import words

SHORTEST, LONGEST = 5, 60  # words of an eval item
KINDS = ("verbatim", "case", "punctuation", "edits 3 %", "edits 10 %")
_JOINTS = (", ", " - ", "; ", " — ", " “", "” ", " (", ") ", " / ", "... ", ": ", "\n", "  ")


class Made(NamedTuple):
    """`kinds[i]` is how `items[which[i]]` was put into `rows[i]`; "" and -1: a clean row, in which
    no item stands whole."""

    items: list[str]
    rows: list[str]
    kinds: list[str]
    which: list[int]


def items(count: int, seed: int) -> list[str]:
    """`count` eval items of 5 to 60 words, all lengths equally often."""
    random = np.random.default_rng([seed, 1])
    lengths = random.integers(SHORTEST, LONGEST + 1, count)
    long = words.texts(count, seed, LONGEST * 3 // 2)
    return [
        " ".join(text.split(" ")[:length]).rstrip(".,;:?!") + "."
        for text, length in zip(long, lengths, strict=True)
    ]


def made(rows: int, seed: int, *, eval_items: int = 5000, share: float = 0.1) -> Made:
    """`rows` rows of about 150 words; `share` of them hold an item, each kind equally often."""
    random = np.random.default_rng([seed, 2])
    texts = words.texts(rows, seed + 2)
    drawn = items(eval_items + eval_items // 4, seed + 1)
    chance = _standing(drawn, texts)
    found = [item for item in drawn if item not in chance][:eval_items]
    assert len(found) == eval_items
    spare = [word for text in words.texts(100, seed + 3) for word in text.split(" ")]
    places = np.sort(random.choice(rows, int(rows * share), replace=False)).tolist()
    kinds, which = [""] * rows, [-1] * rows
    for number, place in enumerate(places):
        kinds[place] = KINDS[number % len(KINDS)]
        which[place] = int(random.integers(eval_items))
        changed = change(found[which[place]], kinds[place], spare, random)
        texts[place] = _inside(texts[place], changed, random)
    return Made(found, texts, kinds, which)


def change(item: str, kind: str, spare: list[str], random: np.random.Generator) -> str:
    """An item changed as one of `KINDS` says; edits take words from `spare`."""
    if kind == "case":
        return (item.upper(), item.lower(), item.title())[int(random.integers(3))]
    if kind == "punctuation":
        return _punctuated(item, random)
    if kind.startswith("edits"):
        return _edited(item, int(kind.split()[1]) / 100, spare, random)
    return item


def _standing(drawn: list[str], texts: list[str]) -> set[str]:
    """Items that stand in a text by chance: short ones do, for all are made by one chain."""
    starts: dict[tuple[str, ...], list[tuple[list[str], str]]] = {}
    for item in drawn:
        found = _plain(item)
        starts.setdefault(tuple(found[:4]), []).append((found, item))
    standing = set()
    for text in texts:
        there = _plain(text)
        for i, four in enumerate(zip(there, there[1:], there[2:], there[3:], strict=False)):
            for found, item in starts.get(four, ()):
                if there[i : i + len(found)] == found:
                    standing.add(item)
    return standing


def _plain(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower().replace("'", ""))


def _inside(text: str, item: str, random: np.random.Generator) -> str:
    """The item as a sentence of its own between two words of a text, or at one of its ends."""
    found = text.split(" ")
    cut = int(random.integers(len(found) + 1))
    return " ".join([*found[:cut], item, *found[cut:]])


def _punctuated(item: str, random: np.random.Generator) -> str:
    """Without its punctuation, or with other signs between a third of its words."""
    bare = [word.strip(".,;:?!") for word in item.split(" ")]
    if random.random() < 0.5:
        return " ".join(bare)
    joints = [
        _JOINTS[int(random.integers(len(_JOINTS)))] if random.random() < 1 / 3 else " "
        for _ in bare
    ]
    return "".join(word + joint for word, joint in zip(bare, joints, strict=True)).strip() + "!"


def _edited(item: str, share: float, spare: list[str], random: np.random.Generator) -> str:
    """With `share` of its words, at least one, replaced, left out, or another put before them."""
    found = item.split(" ")
    count = max(1, round(len(found) * share))
    for place in sorted(random.choice(len(found), count, replace=False).tolist(), reverse=True):
        other = spare[int(random.integers(len(spare)))]
        way = int(random.integers(3))
        found[place : place + 1] = ([other], [other, found[place]], [])[way]
    return " ".join(found)
