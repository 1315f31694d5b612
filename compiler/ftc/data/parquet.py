"""Rows of Parquet files, through pyarrow, which the extra `ftc[data]` brings."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ftc.data.source import Source
from ftc.data.table import Table
from ftc.errors import FtcError


def read(source: Source) -> Table:
    """Rows are numbered from 1; FtcError when pyarrow is missing or the file is broken."""
    try:
        pyarrow: Any = import_module("pyarrow")  # Any: it has no types
        reader: Any = import_module("pyarrow.parquet")
    except ImportError as error:
        raise FtcError(
            f"{source.name}: Parquet needs pyarrow, which is not installed",
            hint="pip install 'ftc[data]'",
        ) from error
    try:
        with source.open() as stream:
            table = reader.read_table(pyarrow.BufferReader(stream.read()))
        rows = table.to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise FtcError(
            f"{source.name}: is not a readable Parquet file: {reason}", hint="write it again"
        ) from error
    if not rows:
        raise FtcError(f"{source.name}: holds no rows", hint="give a file with at least one row")
    return Table(source.name, "parquet", list(enumerate(rows, 1)), [])
