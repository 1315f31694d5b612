"""run.json, the record of one run: what was started from what, how far it came, how it ended."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from ftc.errors import FtcError
from ftc.run import peak
from ftc.run.peak import Peak

NAME = "run.json"
State = Literal["running", "finished", "failed", "interrupted", "lost"]


@dataclass(frozen=True)
class Process:
    """A process that is told from a later one with the same number by when it started."""

    pid: int
    started: str  # as the operating system gives it; "" when it could not be read


@dataclass(frozen=True)
class Record:
    """One run folder. `lost`: ftc itself was killed and nobody saw the end.

    Times are ISO 8601 in UTC, `seconds` the sum over all attempts, `steps` the last optimizer step
    that the backend logged. Paths are relative to `folder`, but for `build`.
    """

    folder: Path
    state: State
    backend: str
    version: str
    build: str
    hashes: Mapping[str, str]  # SHA-256 of every file of the build folder, by name
    command: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)  # ftc, python, the environment
    ftc: Process = field(default_factory=lambda: Process(0, ""))
    tool: Process = field(default_factory=lambda: Process(0, ""))
    started: str = ""
    ended: str = ""
    seconds: float = 0.0
    attempts: int = 0
    steps: int = 0
    max_steps: int = 0
    first_loss: float | None = None
    last_loss: float | None = None
    eval_loss: float | None = None
    output: str = ""  # folder of the adapter or model, "" until there is one
    kind: Literal["adapter", "model", ""] = ""
    parent: str = ""  # checkpoint that the last attempt went on from; "" for step 0
    reason: str = ""  # why it failed, one line
    peak: Peak = field(default_factory=Peak)  # measured memory; empty in records of older ftc

    def as_dict(self) -> dict[str, Any]:
        """Plain data for run.json and `--format json`, without the folder."""
        return {name: value for name, value in asdict(self).items() if name != "folder"}

    def summary(self) -> str:
        """What a person wants to know at the end, a few lines."""
        minutes, seconds = divmod(round(self.seconds), 60)
        time = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
        lines = [f"{self.state}: {self.steps} of {self.max_steps} steps in {time}"]
        if self.first_loss is not None and self.last_loss is not None:
            lines.append(f"loss {self.first_loss:.4f} -> {self.last_loss:.4f}")
        if self.eval_loss is not None:
            lines.append(f"evaluation loss {self.eval_loss:.4f}")
        if memory := self.peak.line():
            lines.append(memory)
        if self.reason:
            lines.append(self.reason)
        if self.output:
            lines.append(f"{self.kind}: {self.result}")
        return "\n".join(lines)

    @property
    def result(self) -> Path | None:
        """Absolute folder of the adapter or model, None while there is none."""
        return (self.folder / self.output).absolute() if self.output else None


def write(record: Record) -> Record:
    """Writes run.json beside itself and renames: a reader never sees half of it."""
    text = json.dumps(record.as_dict(), indent=1, sort_keys=True) + "\n"
    handle, name = tempfile.mkstemp(prefix=".run-", suffix=".json", dir=record.folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(record.folder / NAME)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return record


def read(folder: Path) -> Record:
    """The record of a run folder. Raises FtcError when there is none or it is not a record."""
    path = folder / NAME
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        known = {part.name for part in fields(Record)}
        values = {name: value for name, value in raw.items() if name in known}
        values |= {name: Process(**values[name]) for name in ("ftc", "tool") if name in values}
        values |= {"peak": peak.read(values["peak"])} if "peak" in values else {}
        return Record(folder=folder, **values | {"command": tuple(values.get("command", ()))})
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FtcError(
            f"{folder}: is not a run folder, it has no {NAME}",
            hint="name a folder that ftc run made, such as runs/NAME-BACKEND-1A2B3C4D",
        ) from error
    except OSError as error:
        raise FtcError(
            f"{path}: cannot be read: {error.strerror}", hint="look at who may read it"
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FtcError(
            f"{path}: is not a record of a run: {error}", hint="move the folder away"
        ) from error


def listing(runs: Path) -> list[Record]:
    """All records below `runs`, oldest first; folders without a readable one are left out."""
    found = []
    for path in sorted(runs.glob(f"*/{NAME}")):
        try:
            found.append(read(path.parent))
        except FtcError:
            continue
    return sorted(found, key=lambda record: (record.started, record.folder.name))
