"""The rows that are measured, made by the seeded makers of tests/made, as our steps take them.

A corpus is a folder: Parquet files of the shape of `ftc.prep.rows`, one turn a row, and beside
them what its maker knows to be true.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from made import contamination, duplicates, mojibake, people, pii, words

from bench_data.ours import engine
from ftc.prep import rows

SEED = 20_261_123
PART = 100_000  # rows a file
ITEMS = 5_000  # eval items
BLOCK = 50_000  # rows that duplicates are planted in at a time
THRESHOLD = 0.8  # Jaccard
PAIRS = 2_000  # of a template of 200 rows that are looked at, of 19,900
SCORED = 20_000  # documents whose spans are scored
STRUCTURED = ["email", "phone", "card", "iban", "ip", "ssn", "id", "secret", "address"]
AROUND = 110  # words of a document beside its personal data and near misses, which have about 40
MODEL = Path(__file__).resolve().parents[2] / "models" / "SmolLM2-135M-Instruct"


def write(texts: Sequence[str], folder: Path, *, form: str = "chunk", first: int = 0) -> None:
    """Texts as rows of one turn; ids count from `first`."""
    role = "chunk" if form == "chunk" else "text"
    for start in range(0, len(texts), PART):
        some = texts[start : start + PART]
        table = pa.table(columns(some, first + start, form, role), schema=rows.SCHEMA)
        name = f"rows-{first + start:09}.parquet"
        pq.write_table(table, folder / name, compression="lz4")


def columns(texts: Sequence[str], start: int, form: str, role: str) -> dict[str, pa.Array]:
    """Columns of `rows.SCHEMA` for texts, without an object a row where one value will do."""
    count = len(texts)
    numbers = range(start, start + count)
    offsets = pa.array(range(count + 1), pa.int32())
    turns = pa.StructArray.from_arrays(
        [_same(role, count), pa.array(texts, pa.string())], fields=list(rows.TURN)
    )
    empty = pa.array([[]] * count, pa.list_(pa.string()))
    return {
        "id": pa.array([f"{number:016x}" for number in numbers]),
        "parents": empty,
        "file": _same("made.jsonl", count),
        "place": pa.array([f"line {number + 1}" for number in numbers]),
        "form": _same(form, count),
        "medium": _same("prose", count),
        "title": _same("", count),
        "turns": pa.ListArray.from_arrays(offsets, turns),
        "extra": _same("{}", count),
        "notes": _same("{}", count),
        "flags": empty,
    }


def _same(value: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(value), count)


def plain(count: int, folder: Path) -> None:
    """Texts without anything planted, as JSON lines too, and the tokenizer of the demo's model."""
    texts = words.texts(count, SEED)
    write(texts, folder, form="text")
    _lines(folder / "rows.jsonl", texts)
    (folder / "tokenizer.json").symlink_to(MODEL / "tokenizer.json")
    (folder / "model").symlink_to(MODEL)


def collected(count: int, folder: Path) -> None:
    """Plain texts that the runner has read, once for every engine."""
    _lines(folder / "rows.jsonl", words.texts(count, SEED))
    engine.collect(folder)


def contaminated(count: int, folder: Path) -> None:
    """A tenth of the rows hold an eval item, verbatim or changed in one of four ways."""
    made = contamination.made(count, SEED, eval_items=ITEMS)
    write(made.rows, folder)
    _lines(folder / "eval.jsonl", made.items)
    _truth(folder, {"kinds": made.kinds})


def duplicated(count: int, folder: Path) -> None:
    """A quarter of the rows are copies, equal or changed, 4 % fill templates of 200 rows."""
    truth: dict[str, list[tuple[int, int, str]]] = {"pairs": []}
    for part, first in enumerate(range(0, count, BLOCK)):
        made = duplicates.planted(min(BLOCK, count - first), SEED + part)
        write(made.texts, folder, first=first)
        truth["pairs"] += [
            (first + a, first + b, kind) for a, b, kind in alike(made, np.random.default_rng(part))
        ]
    _truth(folder, truth)


def alike(made: duplicates.Planted, random: np.random.Generator) -> Iterator[tuple[int, int, str]]:
    """The planted pairs whose true Jaccard is 0.8 or more, and some of each template's pairs."""
    for a, b, kind in made.pairs:
        if duplicates.jaccard(made.texts[a], made.texts[b]) >= THRESHOLD:
            yield a, b, kind
    for group in made.groups:
        grams = [duplicates.grams(made.texts[row]) for row in group]
        for i, j in random.integers(0, len(group), (PAIRS, 2)).tolist():
            if i != j and overlap(grams[i], grams[j]) >= THRESHOLD:
                yield group[i], group[j], "template"


def overlap(one: frozenset[str], two: frozenset[str]) -> float:
    """Jaccard of two sets of n-grams."""
    return len(one & two) / max(1, len(one | two))


def sparse(count: int, folder: Path) -> None:
    """One row of ten is a document with personal data."""
    personal(count, folder, tenths=1)


def personal(count: int, folder: Path, tenths: int = 6) -> None:
    """Of ten rows so many are documents with personal data and near misses, the rest plain."""
    truth: list[list[tuple[str, int, int]]] = []
    for part, first in enumerate(range(0, count, PART)):
        size = min(PART, count - first)
        made = [pii.Document(text, []) for text in words.texts(size, SEED + part)]
        places = [place for place in range(size) if place % 10 < tenths]
        found = pii.documents(len(places), SEED + part, STRUCTURED, AROUND)
        for place, document in zip(places, found, strict=True):
            made[place] = document
        write([document.text for document in made], folder, first=first)
        truth += [document.truth for document in made[: SCORED - len(truth)]]
    _truth(folder, {"spans": truth})


def named(count: int, folder: Path) -> None:
    """Documents with people's names and with capitalised words that are none."""
    made = people.documents(count, SEED)
    write([document.text for document in made], folder)
    _truth(folder, {"spans": [document.truth for document in made]})


def garbled(count: int, folder: Path) -> None:
    """Of ten rows one is damaged, one of another language or with signs, eight plain English."""
    texts = words.texts(count, SEED)
    broken = mojibake.damaged(len(texts[::10]), SEED)
    texts[::10] = [one.text for one in broken]
    texts[1::10] = [text for _, text in mojibake.clean(len(texts[1::10]), SEED + 1)]
    write(texts, folder)
    _truth(folder, {"damaged": {i * 10: (one.kind, one.clean) for i, one in enumerate(broken)}})


def mixed(count: int, folder: Path) -> None:
    """A quarter with duplicates, one with eval items, one with personal data, one with mojibake."""
    part = count // 4
    found = contamination.made(part, SEED, eval_items=ITEMS)
    broken = mojibake.damaged(part // 10, SEED)
    plain = words.texts(count - 3 * part - len(broken), SEED + 1)
    sources = [
        [
            text
            for first in range(0, part, BLOCK)
            for text in duplicates.planted(min(BLOCK, part - first), SEED + first).texts
        ],
        found.rows,
        [one.text for one in pii.documents(part, SEED, STRUCTURED, AROUND)],
        [one.text for one in broken] + plain,
    ]
    texts = [text for source in sources for text in source]
    order = np.random.default_rng(SEED).permutation(len(texts))
    _lines(folder / "rows.jsonl", (texts[place] for place in order.tolist()))
    _lines(folder / "eval.jsonl", found.items)
    (folder / "model").symlink_to(MODEL)


def _lines(path: Path, texts: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)


def _truth(folder: Path, known: object) -> None:
    (folder / "truth.json").write_text(json.dumps(known), encoding="utf-8")
