"""The rows that are measured, made by the seeded makers of tests/made, as our steps take them.

A corpus is a folder: Parquet files of the shape of `ftc.prep.rows`, one turn a row, and beside
them what its maker knows to be true.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from made import contamination, words

from ftc.prep import rows

SEED = 20_261_123
PART = 100_000  # rows a file
ITEMS = 5_000  # eval items
MODEL = Path(__file__).resolve().parents[2] / "models" / "SmolLM2-135M-Instruct"


def write(texts: Sequence[str], folder: Path, *, form: str = "chunk") -> None:
    """Texts as rows of one turn; ids count from 0."""
    role = "chunk" if form == "chunk" else "text"
    for part, start in enumerate(range(0, len(texts), PART)):
        some = texts[start : start + PART]
        table = pa.table(columns(some, start, form, role), schema=rows.SCHEMA)
        pq.write_table(table, folder / f"rows-{part:03}.parquet", compression="lz4")


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
    (folder / "tokenizer.json").write_bytes((MODEL / "tokenizer.json").read_bytes())


def contaminated(count: int, folder: Path) -> None:
    """A tenth of the rows hold an eval item, verbatim or changed in one of four ways."""
    made = contamination.made(count, SEED, eval_items=ITEMS)
    write(made.rows, folder)
    _lines(folder / "eval.jsonl", made.items)
    _truth(folder, {"kinds": made.kinds})


def _lines(path: Path, texts: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)


def _truth(folder: Path, known: object) -> None:
    (folder / "truth.json").write_text(json.dumps(known), encoding="utf-8")
