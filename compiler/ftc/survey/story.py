"""The story of one row: where it came from, what each step did to it, what was made of it, by
`ftc prepare` and by `ftc augment`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.compute as pc
import pyarrow.parquet as pq

from ftc.errors import FtcError
from ftc.prep.finished import folders
from ftc.prep.rows import Row, each
from ftc.prep.store import Folder
from ftc.survey.made import Augmented, Making, Outcome
from ftc.survey.written import line_of

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


class Places(NamedTuple):
    """What is looked through: the folder of prepared data, its finished steps, augmented rows."""

    root: Path
    steps: tuple[Folder, ...]
    augmented: Augmented | None


@dataclass(frozen=True)
class Story:
    """`where` is "train", "eval", "dropped", "made into rows", or the step that it has come to.

    `events` begin with those of the rows that it was made from. `making` says how a model made it,
    `outcomes` what `ftc augment` made of it, or why not.
    """

    row: Row | None  # as it is after the last step that has it
    id: str
    where: str
    events: tuple[Event, ...]
    parents: tuple[str, ...]
    children: tuple[str, ...]
    making: Making | None = None
    outcomes: tuple[Outcome, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self) | {"row": self.row._asdict() if self.row else None}


def story(root: Path, name: str, augmented: Augmented | None = None) -> Story:
    """The story of the row whose id is `name` or begins with it; FtcError when there is none.

    `root` holds the prepared data, if there are any.
    """
    if len(name) < LEAST:
        raise FtcError(f"{name!r} is too short for a row's id", hint=f"give {LEAST} digits or more")
    places = Places(root, tuple(folders(root)), augmented)
    full = _full(places, name)
    row, parents, events = _told(places, full)
    before = _before(places, parents, {full})
    children = tuple(sorted({it for folder in places.steps for it in _children(folder, full)}))
    outcomes = augmented.outcomes(full) if augmented else ()
    where = _where(places, full)
    if not where and any(event.action == "dropped" for event in events):
        where = "dropped"
    elif not where:
        where = "made into rows" if children or outcomes else events[-1].step if events else ""
    making = Making.of(row) if row else augmented.making(full) if augmented else None
    return Story(row, full, where, (*before, *events), parents, children, making, outcomes)


def _where(places: Places, name: str) -> str:
    """The part that a row is in; "" when it is in none."""
    made = [places.augmented.root] if places.augmented else []
    for root in (*made, places.root):
        for part in ("train", "eval"):
            if line_of(root / f"{part}.jsonl", name):
                return part
    return ""


def _before(places: Places, parents: Iterable[str], seen: set[str]) -> list[Event]:
    """What happened to all that a row was made from, the oldest first."""
    events: list[Event] = []
    for parent in parents:
        if parent not in seen:
            seen.add(parent)
            _, older, told = _told(places, parent)
            events += [*_before(places, older, seen), *told]
    return events


def _told(places: Places, name: str) -> tuple[Row | None, tuple[str, ...], list[Event]]:
    """A row as the last step left it, its parents, and what each step did to it."""
    row: Row | None = None
    parents: tuple[str, ...] = ()
    events: list[Event] = []
    for folder in places.steps:
        lines = _matching(folder.path / "ledger", "row", name)
        here = next(iter(_rows(folder, name)), None)
        row = here or row
        events += [_event(name, folder.step, line) for line in lines]
        if here and not lines:
            events.append(Event(name, folder.step, "passed"))
    for line in _matching(places.root / "steps", "row", name):
        events.append(_event(name, "split", line))
    if places.augmented:
        row = row or places.augmented.row(name)
        for line in places.augmented.lines(name):
            events.append(_event(name, f"augment.{line['step']}", line))
            parents = tuple(line["parents"])
    return row, row.parents if row else parents, events


def _event(row: str, step: str, line: Mapping[str, str]) -> Event:
    return Event(row, step, **{key: line[key] for key in EVENT})


def _full(places: Places, name: str) -> str:
    found: set[str] = set()
    for folder in places.steps:
        for path, column in (("rows", "id"), ("ledger", "row")):
            for file in sorted((folder.path / path).glob("*.parquet")):
                ids = pq.read_table(file, columns=[column])[column]
                found.update(ids.filter(pc.starts_with(ids, name)).to_pylist())
    if places.augmented:
        found.update(places.augmented.ids(name))
    found.discard("")
    if not found:
        seen = [places.root] if places.steps else []
        seen += [places.augmented.root] if places.augmented else []
        raise FtcError(
            f"{', '.join(map(str, seen or [places.root]))}: no row has the id {name}",
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
