"""Equal texts: rows that stand once already, by number."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

from bench_data.method import Method


def _set(texts: list[str], folder: Path) -> dict[str, Any]:
    seen: set[str] = set()
    dropped = []
    for number, text in enumerate(texts):
        if text in seen:
            dropped.append(number)
        seen.add(text)
    return {"dropped": dropped}


def _normalised(texts: list[str], folder: Path) -> dict[str, Any]:
    marks = re.compile(r"[\W_]+")
    usual = (unicodedata.normalize("NFKC", text).casefold() for text in texts)
    return _set([marks.sub(" ", text).strip() for text in usual], folder)


def _polars(texts: list[str], folder: Path, polars: Any) -> dict[str, Any]:
    frame = polars.DataFrame({"text": texts}).with_row_index("number")
    return _others(frame.unique("text", keep="first")["number"].to_list(), len(texts))


def _duckdb(texts: list[str], folder: Path, duckdb: Any, arrow: Any) -> dict[str, Any]:
    rows = arrow.table({"text": texts, "number": range(len(texts))})
    connection = duckdb.connect(config={"threads": 1})
    connection.register("rows", rows)
    kept = connection.sql("select min(number) from rows group by text").fetchall()
    return _others([number for (number,) in kept], len(texts))


def _others(kept: list[int], count: int) -> dict[str, Any]:
    return {"dropped": sorted(set(range(count)).difference(kept))}


METHODS = (
    Method("a set of Python", _set),
    Method("a set of Python, texts normalised", _normalised),
    Method("polars", _polars, ("polars",)),
    Method("duckdb", _duckdb, ("duckdb", "pyarrow")),
)
