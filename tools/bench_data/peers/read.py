"""JSON lines into memory, all rows at once; the answer is how many."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench_data.method import Method


def _polars(path: Path, folder: Path, polars: Any) -> int:
    return polars.read_ndjson(path).height


def _duckdb(path: Path, folder: Path, duckdb: Any) -> int:
    connection = duckdb.connect(config={"threads": 1})
    return (
        connection.sql(f"select * from read_json('{path}', format='nd')").to_arrow_table().num_rows
    )


def _pyarrow(path: Path, folder: Path, arrow: Any) -> int:
    return arrow.read_json(path).num_rows


def _datasets(path: Path, folder: Path, datasets: Any) -> int:
    datasets.disable_progress_bars()
    with TemporaryDirectory(dir=folder) as cache:
        rows = datasets.load_dataset("json", data_files=str(path), cache_dir=cache, split="train")
        return rows.num_rows


def _orjson(path: Path, folder: Path, orjson: Any) -> int:
    with path.open("rb") as lines:
        return len([orjson.loads(line) for line in lines])


def _stdlib(path: Path, folder: Path) -> int:
    with path.open(encoding="utf-8") as lines:
        return len([json.loads(line) for line in lines])


METHODS = (
    Method("polars", _polars, ("polars",)),
    Method("duckdb", _duckdb, ("duckdb",)),
    Method("orjson, a list", _orjson, ("orjson",)),
    Method("pyarrow", _pyarrow, ("pyarrow.json",)),
    Method("datasets", _datasets, ("datasets",)),
    Method("json of Python, a list", _stdlib),
)
