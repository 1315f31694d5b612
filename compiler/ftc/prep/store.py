"""Where the results of steps lie, and how they come to be there whole or not at all.

One folder a step and key: `rows/` and `ledger/` with a Parquet file for each batch, and
`done.json`, which is written last. What a killed run left is used by the next one.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ftc.errors import FtcError

BATCH = 16_384  # rows at most
DONE = "done.json"


@dataclass(frozen=True)
class Batch:
    """A file of rows and the file of what happened to them; `rows` counts those that go on."""

    name: str
    rows: int
    read: int = 0  # rows that came in
    dropped: dict[str, int] = field(default_factory=dict)  # by reason
    changed: int = 0
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Done:
    """A finished step."""

    step: str
    key: str
    before: str  # the key of the step before, "" for the first
    batches: tuple[Batch, ...]
    figures: dict[str, float]

    @property
    def rows(self) -> int:
        """Rows that went on."""
        return sum(batch.rows for batch in self.batches)

    @property
    def read(self) -> int:
        """Rows that came in."""
        return sum(batch.read for batch in self.batches)

    @property
    def changed(self) -> int:
        """Rows that were changed or made."""
        return sum(batch.changed for batch in self.batches)

    @property
    def dropped(self) -> dict[str, int]:
        """Rows that went no further, and places that never became one, by reason; most first."""
        total: dict[str, int] = {}
        for batch in self.batches:
            for reason, count in batch.dropped.items():
                total[reason] = total.get(reason, 0) + count
        return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


class Folder:
    """The folder of one step under one key."""

    def __init__(self, root: Path, step: str, key: str) -> None:
        self.step, self.key = step, key
        self.path = root / "steps" / f"{step}-{key[:12]}"

    def rows(self, batch: str) -> Path:
        return self.path / "rows" / f"{batch}.parquet"

    def ledger(self, batch: str) -> Path:
        return self.path / "ledger" / f"{batch}.parquet"

    def unit(self, number: int) -> Path:
        """What is known of the batches of one task; written after their rows and ledgers."""
        return self.path / "units" / f"{number:05}.json"

    def gathered(self, number: int) -> Path:
        return self.path / "gathered" / f"{number:05}"

    @property
    def decision(self) -> Path:
        return self.path / "decision"

    def done(self) -> Done | None:
        """The finished step, or None."""
        found = read_json(self.path / DONE)
        if not isinstance(found, dict):
            return None
        batches = tuple(Batch(**batch) for batch in found.pop("batches"))
        return Done(**found, batches=batches)

    def finish(self, done: Done) -> None:
        """Mark it as finished; what was only needed on the way goes."""
        for path in (self.path / "gathered", self.path / "units", *self.path.rglob(".*")):
            _remove(path)
        write_json(self.path / DONE, asdict(done))

    @classmethod
    def of(cls, path: Path, root: Path) -> Folder | None:
        """The folder at `path` when its step is finished, else None."""
        said = read_json(path / DONE)
        return cls(root, said["step"], said["key"]) if isinstance(said, dict) else None

    def others(self) -> Iterator[Path]:
        """Folders of the same step under other keys."""
        for path in sorted(self.path.parent.glob(f"{self.step}-*")):
            if path != self.path:
                yield path


def whole(path: Path, write: Callable[[Path], None]) -> None:
    """Have `write` make a file or folder beside `path`, then put it there in one go."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FtcError(
            f"{path.parent}: no folder can be made here: {error.strerror}",
            hint="out = ... in the recipe names another one",
        ) from error
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    _remove(beside)
    try:
        write(beside)
        if beside.is_dir() and path.exists():
            shutil.rmtree(path)
        beside.replace(path)
    except FileNotFoundError:
        raise  # `path` has its folder: something that `write` reads is missing
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise FtcError(
            f"{path}: cannot be written: {error.strerror or error}",
            hint="free some space" if full else "what is in its place, and may ftc write there?",
        ) from error
    finally:
        with suppress(OSError):
            _remove(beside)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def write_table(path: Path, table: pa.Table) -> None:
    """A Parquet file; equal tables give equal bytes."""
    whole(path, lambda beside: pq.write_table(table, beside, compression="zstd"))


def read_table(path: Path) -> pa.Table:
    """A file that `write_table` wrote; FtcError when something else has been at it."""
    try:
        return pq.ParquetFile(path).read()
    except (pa.ArrowInvalid, OSError) as error:
        raise FtcError(
            f"{path}: is broken or gone: {error}",
            hint="remove the folder of prepared data and run ftc prepare again",
        ) from error


def write_json(path: Path, value: Any) -> None:
    """A JSON file with fixed order."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    whole(path, lambda beside: _write_text(beside, text))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, "utf-8", newline="\n")


def read_json(path: Path) -> Any:
    """What a JSON file holds; None when it is not there or is none."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None
