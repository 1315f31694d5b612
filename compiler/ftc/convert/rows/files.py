"""Rows in files of this machine: which files Axolotl's `data_files` names, one data set each."""

from __future__ import annotations

import re
from typing import Any

from ftc.convert.meaning import Note
from ftc.convert.rows.parts import Rows

# Hugging Face's own readers: `load_dataset("json", data_files=...)` reads files, none of the hub.
BUILDERS = ("json", "csv", "parquet", "arrow", "text")
_PATTERN = re.compile(r"[*?\[\]{}]|://")
_UNNAMED = "which files these are is not known: name each by its path"
_SLICED = "a slice of the rows of several files, and here each file is a data set of its own"


def single(value: Any) -> str | None:
    """The one file that a `data_files` names, None where it names another number of them."""
    names = value if isinstance(value, list) else [value]
    return names[0] if len(names) == 1 and _plain(names[0]) else None


def apart(rows: Rows) -> tuple[list[Rows], Note | None]:
    """A data set as one of each of its files, and what is lost of that.

    Those of the hub, and files that may lie there, stay as they are.
    """
    builder, value = rows.get("builder"), rows.get("files")
    if builder is None and (value is None or not _below(rows, value)):
        return [rows], None
    names = value if isinstance(value, list) else [rows["path"] if value is None else value]
    rest = {part: it for part, it in rows.items() if part not in ("files", "path")}
    if not all(map(_plain, names)):
        return [{**rest, "path": str(names[0])}], Note("untranslatable", _UNNAMED, training=True)
    sliced = len(names) > 1 and "[" in str(rows.get("split"))
    note = Note("untranslatable", _SLICED, training=True) if sliced else None
    return [{**rest, "path": name} for name in names], note


def told(rows: Rows, piece: Rows) -> list[str]:
    """The parts of a data set that the path of one of its files stands for."""
    split = "builder" in rows or "files" not in piece
    return [part for part in ("builder", "files") if part in rows and split]


def _plain(name: Any) -> bool:
    return isinstance(name, str) and bool(name) and not _PATTERN.search(name)


def _below(rows: Rows, value: Any) -> bool:
    """Whether all files are named as lying in the folder of the data set."""
    folder = str(rows.get("path", "")).rstrip("/")
    names = value if isinstance(value, list) else [value]
    return bool(folder) and all(str(name).startswith(f"{folder}/") for name in names)
