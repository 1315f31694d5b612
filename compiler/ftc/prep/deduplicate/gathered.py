"""What is kept of each batch until all rows were seen: a file with a line of numbers per row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from ftc.prep import engine
from ftc.prep.arrays import Hashes, Numbers, mixed
from ftc.prep.deduplicate import meaning
from ftc.prep.deduplicate.bert import Array
from ftc.prep.deduplicate.shingles import PICTURE, Shingles, pictures, shingles
from ftc.prep.deduplicate.texts import Texts, joined, parted, plain, raw, whole
from ftc.prep.deduplicate.words import chunks, sequences, words
from ftc.prep.deduplicate.worth import points
from ftc.prep.step import Inputs
from ftc.preparation.deduplicate import Deduplicate

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("file", pa.string()),
        ("place", pa.string()),
        ("points", pa.int64()),
        ("size", pa.int64()),  # bytes of text
        ("equal", pa.uint64()),  # the same for exact duplicates
        ("same", pa.uint64()),  # the same for the same words, punctuation and all
        ("system", pa.uint64()),  # the same for the same system turn
        ("grams", pa.int64()),  # how many different n-grams
        ("picture", pa.list_(pa.uint64())),  # `PICTURE` numbers where near duplicates are asked for
        ("shingles", pa.list_(pa.uint64())),
        ("meaning", pa.list_(pa.float32())),
    ]
)


def gather(rows: pa.Table, inputs: Inputs, out: Path) -> None:
    """Write what deduplication needs of a batch; texts are not kept."""
    texts = joined(rows)
    written = raw(texts)
    prompts, after = parted(rows, texts)
    system = _prompted(prompts)
    equal, same, sets = _hashed(after, texts, inputs.settings)
    if system.any():
        equal, same = (mixed(hashes ^ system) for hashes in (equal, same))
    columns = [
        *(whole(rows[name]) for name in ("id", "file", "place")),
        pa.array(_points(written, inputs.settings)),
        pa.array(np.diff(written.offsets)),
        pa.array(equal),
        pa.array(same),
        pa.array(system),
        pa.array(np.diff(sets.offsets)),
        _pictured(sets, inputs.settings),
        pa.ListArray.from_arrays(pa.array(sets.offsets.astype(np.int32)), pa.array(sets.values)),
        meaning.embedded(texts, inputs),
    ]
    with pa.OSFile(str(out), "wb") as sink, pa.ipc.new_file(sink, SCHEMA) as writer:
        writer.write_table(pa.table(columns, schema=SCHEMA))


def column(path: Path, *names: str, mapped: bool = False) -> pa.Table:
    """These columns of a gathered file, read, or mapped into memory.

    Reading is quicker where all rows are needed, but Arrow keeps room for the whole file while a
    column of it is used; a copy lets go of that.
    """
    fields = [SCHEMA.get_field_index(name) for name in names]
    options = pa.ipc.IpcReadOptions(included_fields=sorted(fields))
    with pa.memory_map(str(path)) if mapped else pa.OSFile(str(path)) as source:
        return pa.ipc.open_file(source, options=options).read_all()


def sets(path: Path) -> Shingles:
    """The n-gram sets of a gathered file, mapped into memory."""
    array = whole(column(path, "shingles", mapped=True)["shingles"])
    offsets = array.offsets.to_numpy().astype(np.int64)
    return Shingles(array.values.to_numpy(), offsets)


def numbers(paths: Sequence[Path], name: str) -> Numbers:
    """A column of numbers of all files, one after the other."""
    parts = [column(path, name)[name].to_numpy().copy() for path in paths]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def ids(paths: Sequence[Path]) -> pa.Array:
    """The ids of all rows of all files."""
    parts = [column(path, "id")["id"].combine_chunks() for path in paths]
    return pa.concat_arrays([pa.array([], pa.string()), *parts])


def all_pictures(paths: Sequence[Path]) -> Hashes:
    """The pictures of all rows of all files, (rows, PICTURE)."""
    parts = [np.zeros((0, PICTURE), np.uint64)]
    for path in paths:
        for chunk in column(path, "picture", mapped=True)["picture"].chunks:
            parts.append(chunk.flatten().to_numpy().reshape(-1, PICTURE))
    return np.concatenate(parts)


def embeddings(paths: Sequence[Path], starts: Numbers, rows: Numbers) -> Array:
    """The embeddings of these rows, in their order."""
    parts, places = [np.zeros((0, 0), np.float32)], [rows[:0]]
    for path, first, end in zip(paths, starts[:-1], starts[1:], strict=True):
        mine = np.flatnonzero((rows >= first) & (rows < end))
        if mine.size:
            lists = whole(column(path, "meaning")["meaning"])
            found = lists.flatten().to_numpy().reshape(len(lists), -1)
            parts.append(found[rows[mine] - first])
            places.append(mine)
    if len(parts) == 1:
        return parts[0]
    result = np.empty((len(rows), parts[1].shape[1]), np.float32)
    result[np.concatenate(places)] = np.concatenate(parts[1:])
    return result


def _hashed(
    after: pa.Array, texts: pa.Array, settings: Deduplicate
) -> tuple[Hashes, Hashes, Shingles]:
    """What exact duplicates have in common, the words, and the n-gram sets, of each row.

    `after` is what the rows of `texts` say after their system turns.
    """
    bytewise = settings.exact and not settings.normalise
    if bytewise and not settings.near:
        equal = digests(texts)
        return equal, equal, Shingles(equal[:0], np.zeros(len(texts) + 1, np.int64))
    same, bare, sets = _worded(plain(after), settings.ngram if settings.near else 0)
    if bytewise:
        return digests(texts), same, sets
    if settings.punctuation or not settings.exact:
        return same, same, sets
    return np.where(bare != 0, bare, same), same, sets  # nothing but punctuation: as it stands


def _pictured(sets: Shingles, settings: Deduplicate) -> pa.Array:
    """The picture of each row as a list, null where none is looked at."""
    count = len(sets.offsets) - 1
    if not settings.near:
        return pa.nulls(count, SCHEMA.field("picture").type)
    offsets = np.arange(count + 1, dtype=np.int32) * np.int32(PICTURE)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(pictures(sets).reshape(-1)))


def _points(written: Texts, settings: Deduplicate) -> Numbers:
    """The points of each text; of rows that are equal byte for byte none is better."""
    if settings.normalise or settings.near or settings.meaning is not None:
        return points(written)
    return np.zeros(len(written.offsets) - 1, np.int64)


def _prompted(prompts: pa.Array) -> Hashes:
    """The same for system turns of the same words; 0 where there is none."""
    written = raw(prompts)
    return _worded(plain(prompts), 0)[0] if written.data.size else np.zeros(len(prompts), np.uint64)


def _worded(folded: Texts, ngram: int) -> tuple[Hashes, Hashes, Shingles]:
    """Of each row: its words, those without punctuation, its n-gram set (none if `ngram` is 0)."""
    count = len(folded.offsets) - 1
    same, bare = np.zeros(count, np.uint64), np.zeros(count, np.uint64)
    lengths = np.zeros(count, np.int64)
    values = [np.zeros(0, np.uint64)]
    for start, end in chunks(folded):
        found = words(folded, start, end)
        same[start:end] = sequences(found.whole, found.offsets)
        bare[start:end] = sequences(found.bare, found.offsets)
        if ngram:
            part = shingles(found.whole, found.offsets, ngram)
            lengths[start:end] = np.diff(part.offsets)
            values.append(part.values)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return same, bare, Shingles(np.concatenate(values), offsets)


def digests(texts: pa.Array) -> Hashes:
    """XXH3 of each text, 64 bits; the same on all machines."""
    daft = engine.load("local")
    found: Hashes = daft.Series.from_arrow(texts).hash().to_arrow().to_numpy()
    return found
