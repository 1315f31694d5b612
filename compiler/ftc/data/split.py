"""Which rows are used and which are held out: by seeded hash of content, never by position."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from ftc.data.example import Example
from ftc.data.identity import order, prompt_key


def sample(examples: Sequence[Example], count: int | None, seed: int) -> list[Example]:
    """`count` rows (all when None or fewer), in file order; the same ones wherever they stand."""
    if count is None or count >= len(examples):
        return list(examples)
    ranked = sorted(range(len(examples)), key=lambda i: order(examples[i].id, seed, "sample"))
    return [examples[i] for i in sorted(ranked[:count])]


def split(
    examples: Sequence[Example], share: float, seed: int
) -> tuple[list[Example], list[Example]]:
    """(train, eval), both in file order; rows that ask the same are never on both sides.

    eval gets round(share x rows), at least 1, when there are two rows or more. Rows with equal
    prompts move together, so it gets fewer when they come in groups that do not fit, and none
    when all rows ask the same.
    """
    held = _held_out(examples, share, seed) if share > 0 and len(examples) > 1 else set()
    train = [example for i, example in enumerate(examples) if i not in held]
    return train, [example for i, example in enumerate(examples) if i in held]


def _held_out(examples: Sequence[Example], share: float, seed: int) -> set[int]:
    wanted = min(max(round(share * len(examples)), 1), len(examples) - 1)
    groups: dict[str, list[int]] = defaultdict(list)
    for i, example in enumerate(examples):
        groups[prompt_key(example)].append(i)
    if len(groups) == 1:
        return set()
    ranked = sorted(groups, key=lambda key: order(key, seed, "eval"))
    held: set[int] = set()
    for key in ranked:
        if len(held) + len(groups[key]) <= wanted:
            held.update(groups[key])
        if len(held) == wanted:
            break
    return held or set(groups[min(ranked, key=lambda key: len(groups[key]))])


def overlap(train: Sequence[Example], held_out: Sequence[Example]) -> int:
    """Held-out rows whose prompt is in train too."""
    if not held_out:
        return 0
    known = {prompt_key(example) for example in train}
    return sum(prompt_key(example) in known for example in held_out)
