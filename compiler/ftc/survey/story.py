"""The story of one row: where it came from, what each step did to it, what was made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from ftc.errors import FtcError
from ftc.prep.pipeline import COLLECT, STEPS
from ftc.prep.rows import Row, each
from ftc.prep.store import DONE, Folder

ORDER = (COLLECT, *STEPS)
LEAST = 4  # characters of an id
EVENT = ("action", "reason", "detail", "before", "after")  # columns of the ledger


@dataclass(frozen=True)
class Event:
    """What a step did; action "passed" when it left the row as it was."""

    row: str  # the row itself, or one that it was made from
    step: str
    action: str
    reason: str = ""
    detail: str = ""
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Story:
    """`where` is "train", "eval", "dropped", "made into rows", or the step that it has come to.

    `events` begin with those of the rows that it was made from.
    """

    row: Row | None  # as it is after the last step that has it
    id: str
    where: str
    events: tuple[Event, ...]
    parents: tuple[str, ...]
    children: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self) | {"row": self.row._asdict() if self.row else None}


def folders(root: Path) -> list[Folder]:
    """The finished steps below a folder of prepared data, in their order."""
    found = (Folder.of(path.parent, root) for path in (root / "steps").glob(f"*/{DONE}"))
    return sorted((it for it in found if it), key=lambda it: ORDER.index(it.step))


def story(root: Path, name: str) -> Story:
    """The story of the row whose id is `name` or begins with it; FtcError when there is none."""
    if len(name) < LEAST:
        raise FtcError(f"{name!r} is too short for a row's id", hint=f"give {LEAST} digits or more")
    steps = folders(root)
    full = _full(steps, name, root)
    row, events = _events(steps, root, full)
    children = sorted({child for folder in steps for child in _children(folder, full)})
    parents = row.parents if row else ()
    seen, waiting, before = {full}, list(parents), list[Event]()
    while waiting:
        parent = waiting.pop()
        if parent not in seen:
            seen.add(parent)
            older, told = _events(steps, root, parent)
            before = told + before
            waiting += older.parents if older else ()
    where = next((part for part in ("train", "eval") if _in(root / f"{part}.jsonl", full)), "")
    if not where and any(event.action == "dropped" for event in events):
        where = "dropped"
    elif not where:
        where = "made into rows" if children else events[-1].step if events else ""
    return Story(row, full, where, (*before, *events), parents, tuple(children))


def _events(steps: list[Folder], root: Path, name: str) -> tuple[Row | None, list[Event]]:
    """A row as the last step left it, and what each step did to it."""
    row: Row | None = None
    events: list[Event] = []
    for folder in steps:
        lines = _matching(folder.path / "ledger", "row", name)
        here = next(iter(_rows(folder, name)), None)
        row = here or row
        events += [Event(name, folder.step, **{key: line[key] for key in EVENT}) for line in lines]
        if here and not lines:
            events.append(Event(name, folder.step, "passed"))
    for line in _matching(root / "steps", "row", name):
        events.append(Event(name, "split", **{key: line[key] for key in EVENT}))
    return row, events


def _full(steps: list[Folder], name: str, root: Path) -> str:
    found: set[str] = set()
    for folder in steps:
        for path, column in (("rows", "id"), ("ledger", "row")):
            for file in sorted((folder.path / path).glob("*.parquet")):
                ids = pq.read_table(file, columns=[column])[column]
                found.update(ids.filter(pc.starts_with(ids, name)).to_pylist())
    found.discard("")
    if not found:
        raise FtcError(
            f"{root}: no row has the id {name}",
            hint="ids stand in train.jsonl, in the build folder, and in what ftc data shows",
        )
    if len(found) > 1:
        some = ", ".join(sorted(found)[:5])
        raise FtcError(f"{name}: {len(found)} rows begin so: {some}", hint="give more of the id")
    return found.pop()


def _matching(folder: Path, column: str, value: str) -> list[dict[str, Any]]:
    files = sorted(folder.glob("*.parquet"))
    if not files:
        return []
    found: list[dict[str, Any]] = pq.read_table(files, filters=[(column, "==", value)]).to_pylist()
    return found


def _rows(folder: Folder, name: str) -> Iterator[Row]:
    for file in sorted((folder.path / "rows").glob("*.parquet")):
        yield from each(pq.read_table(file, filters=[("id", "==", name)]))


def _children(folder: Folder, name: str) -> Iterator[str]:
    for file in sorted((folder.path / "rows").glob("*.parquet")):
        columns = pq.read_table(file, columns=["id", "parents"])
        lists = columns["parents"].combine_chunks()
        hits = pc.equal(pc.list_flatten(lists), name)
        owners = pc.list_parent_indices(lists).filter(hits)
        yield from columns["id"].take(owners).to_pylist()


def _in(path: Path, name: str) -> bool:
    """Whether a file of rows has a line of this id, which stands first in it."""
    start = f'{{"id": "{name}"'.encode()
    try:
        with path.open("rb") as stream:
            return any(line.startswith(start) for line in stream)
    except FileNotFoundError:
        return False
