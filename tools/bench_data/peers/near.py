"""Near duplicates: Jaccard 0.8 over word 3-grams of lower-case text; the answer is linked rows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench_data.method import Method

GRAM, THRESHOLD, HASHES, BANDS = 3, 0.8, 128, 16


def _grams(text: str) -> list[str]:
    words = text.lower().split()
    return [" ".join(words[i : i + GRAM]) for i in range(max(1, len(words) - GRAM + 1))]


def _datasketch(texts: list[str], folder: Path, datasketch: Any) -> dict[str, Any]:
    index = datasketch.MinHashLSH(threshold=THRESHOLD, num_perm=HASHES)
    links = []
    for number, text in enumerate(texts):
        sketch = datasketch.MinHash(num_perm=HASHES)
        sketch.update_batch([gram.encode() for gram in _grams(text)])
        links += [(number, other) for other in index.query(sketch)]
        index.insert(number, sketch)
    return {"links": links}


def _rensa(texts: list[str], folder: Path, rensa: Any) -> dict[str, Any]:
    index = rensa.RMinHashDeduplicator(
        threshold=THRESHOLD, num_perm=HASHES, use_lsh=True, num_bands=BANDS
    )
    links = []
    for number, text in enumerate(texts):
        sketch = rensa.RMinHash(num_perm=HASHES, seed=42)
        sketch.update(_grams(text))
        if not index.add(str(number), sketch):
            links += [(number, int(other)) for other in index.get_duplicates(sketch)]
    return {"links": links}


def _gaoya(texts: list[str], folder: Path, gaoya: Any) -> dict[str, Any]:
    index = gaoya.MinHashStringIndex(
        hash_size=32,
        jaccard_threshold=THRESHOLD,
        num_bands=BANDS,
        band_size=HASHES // BANDS,
        analyzer="word",
        lowercase=True,
        ngram_range=(GRAM, GRAM),
        id_container="vec",
    )
    links = []
    for number, text in enumerate(texts):
        links += [(number, other) for other in index.query(text)]
        index.insert_document(number, text)
    return {"links": links}


def _daft(texts: list[str], folder: Path, daft: Any, numpy: Any) -> dict[str, Any]:
    frame = daft.from_pydict({"text": texts})
    sketch = daft.functions.minhash(daft.col("text").lower(), num_hashes=HASHES, ngram_size=GRAM)
    column = frame.select(sketch.alias("sketch")).to_arrow()["sketch"].combine_chunks()
    table = numpy.asarray(column.flatten(), numpy.uint32).reshape(len(texts), BANDS, -1)
    return {"links": _buckets((table[:, band] for band in range(BANDS)), numpy)}


def _buckets(bands: Iterable[Any], numpy: Any) -> list[tuple[int, int]]:
    """Each row linked to the first that has the same hashes in a band."""
    links: set[tuple[int, int]] = set()
    for band in bands:
        keys = numpy.ascontiguousarray(band).view([("", band.dtype)] * band.shape[1]).ravel()
        _, first, where = numpy.unique(keys, return_index=True, return_inverse=True)
        heads = first[where]
        rows = numpy.flatnonzero(heads != numpy.arange(len(heads)))
        links.update(zip(rows.tolist(), heads[rows].tolist(), strict=True))
    return sorted(links)


METHODS = (
    Method("rensa", _rensa, ("rensa",)),
    Method("daft `minhash()`, bands in numpy", _daft, ("daft", "numpy")),
    Method("gaoya", _gaoya, ("gaoya.minhash",)),
    Method("datasketch", _datasketch, ("datasketch",)),
)
