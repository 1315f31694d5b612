"""The ledger of calls: what models were asked and said, so that nothing is asked or paid twice.

One SQLite file. An answer is committed before anybody sees it, and a run that is killed at any
moment goes on from there. A power cut may take the last answers with it, and no more.
"""

from __future__ import annotations

import itertools
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from ftc.errors import FtcError
from ftc.prep.alone import alone

NAME = "calls.sqlite"
VERSION = 1  # of the table; a file of another one is not read
AT_ONCE = 500  # keys in one look-up; SQLite takes 999 variables at least

State = Literal["open", "answered", "failed"]


@dataclass(frozen=True)
class Call:
    """A question by its key, and what became of it.

    `open`: asked, but what came could not be used, and it was not asked to the end. Tokens, cost
    and seconds are those of all attempts, of answers that could not be used too. `spoiled` counts
    such answers. `faults` counts everything that went wrong, by reason.
    """

    key: str
    endpoint: str
    model: str
    prompt: str = ""
    state: State = "open"
    text: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    estimated: bool = False  # some tokens were counted by ftc, as the server had not said
    cost: float = 0.0
    seconds: float = 0.0
    attempts: int = 0
    spoiled: int = 0
    faults: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""  # of the failure
    detail: str = ""


@dataclass(frozen=True)
class Totals:
    """What one endpoint was asked in all runs."""

    endpoint: str
    model: str
    answered: int = 0
    failed: int = 0
    attempts: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    seconds: float = 0.0
    estimated: bool = False


COLUMNS = tuple(it.name for it in fields(Call))
_CREATE = f"""
begin immediate;
create table calls (
    key text primary key, endpoint text not null, model text not null, prompt text not null,
    state text not null, text text not null, tokens_in integer not null,
    tokens_out integer not null, estimated integer not null, cost real not null,
    seconds real not null, attempts integer not null, spoiled integer not null,
    faults text not null, reason text not null, detail text not null
) without rowid;
create index totals on calls (endpoint, model);
pragma user_version = {VERSION};
commit;
"""
_TRY = "begin immediate; commit;"  # what cannot be written is told before anything is asked
_WRITE = f"insert or replace into calls ({', '.join(COLUMNS)}) values ({', '.join('?' * 16)})"
_READ = f"select {', '.join(COLUMNS)} from calls"
_TOTALS = """
select endpoint, model, sum(state = 'answered'), sum(state = 'failed'), sum(attempts),
    sum(tokens_in), sum(tokens_out), sum(cost), sum(seconds), max(estimated)
from calls group by endpoint, model order by endpoint, model
"""
_OUTSIDE = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
)


class Calls:
    """The open ledger; several threads may use it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._lock = threading.Lock()

    def known(self, keys: Sequence[str]) -> dict[str, Call]:
        """Those of the keys that were asked before, whatever became of them."""
        found: dict[str, Call] = {}
        for start in range(0, len(keys), AT_ONCE):
            some = keys[start : start + AT_ONCE]
            where = f"where key in ({', '.join('?' * len(some))})"
            for row in self._rows(f"{_READ} {where}", some):
                found[row[0]] = self._call(row)
        return found

    def write(self, call: Call) -> None:
        """Put a call in the place of what was known of its key; it is kept when this returns."""
        values = asdict(call) | {"faults": json.dumps(call.faults, sort_keys=True)}
        self._rows(_WRITE, [values[name] for name in COLUMNS])

    def totals(self) -> list[Totals]:
        """Sums by endpoint and model, in the order of their names."""
        names = [it.name for it in fields(Totals)]
        found = [dict(zip(names, row, strict=True)) for row in self._rows(_TOTALS, [])]
        return [Totals(**it | {"estimated": bool(it["estimated"])}) for it in found]

    def faults(self) -> dict[str, int]:
        """Everything that went wrong in all runs, by reason; most first."""
        counts: dict[str, int] = {}
        for (found,) in self._rows("select faults from calls where faults != '{}'", []):
            for reason, count in self._counts(found).items():
                counts[reason] = counts.get(reason, 0) + count
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def _call(self, row: Sequence[Any]) -> Call:
        values = dict(zip(COLUMNS, row, strict=True))
        values["faults"] = self._counts(values["faults"])
        values["estimated"] = bool(values["estimated"])
        return Call(**values)

    def _counts(self, text: str) -> dict[str, int]:
        try:
            found: dict[str, int] = json.loads(text)
        except ValueError as error:  # SQLite notices no bit that is lost within a text
            raise _unusable(self.path, sqlite3.DatabaseError(f"faults: {error}")) from error
        return found

    def _rows(self, statement: str, values: Sequence[Any]) -> list[Any]:
        try:
            with self._lock:
                return self._connection.execute(statement, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise _unusable(self.path, error) from error


@contextmanager
def opened(folder: Path, *, fresh: bool = False) -> Iterator[Calls]:
    """The ledger in a folder, for one ftc at a time; `fresh`: a new one, the old one beside it.

    FtcError when another one is at work there, or when the file is none of ftc's.
    """
    with alone(folder, "augment"):
        if fresh:
            _put_aside(folder / NAME)
        connection = _connected(folder / NAME)
        try:
            yield Calls(folder / NAME, connection)
        finally:
            connection.close()


def totals(folder: Path) -> list[Totals]:
    """What earlier runs have asked; may be looked at while another one is at work. Of a ledger that
    cannot be read nothing is said: the run will, unless it puts it aside."""
    path = folder / NAME
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as found:
            return Calls(path, found).totals()
    except (sqlite3.DatabaseError, FtcError):
        return []


def _put_aside(path: Path) -> None:
    """Under the first name that is free, broken or not: what was paid for is not thrown away."""
    if not path.exists():
        return
    with suppress(FtcError):
        _connected(path).close()  # what stands beside the file is written into it
    free = next(
        name for i in itertools.count(1) if not (name := path.with_suffix(f".{i}.sqlite")).exists()
    )
    for end in ("-wal", "-shm", ""):
        if (part := path.with_name(path.name + end)).exists():
            part.rename(free.with_name(free.name + end))


def _connected(path: Path) -> sqlite3.Connection:
    connection = None
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        version = connection.execute("pragma user_version").fetchone()[0]
        tables = connection.execute("select count(*) from sqlite_master").fetchone()[0]
        if version != VERSION and (version or tables):
            raise sqlite3.DatabaseError("it is no ledger of this version of ftc")
        if connection.execute("pragma quick_check(1)").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("it is damaged")
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        connection.executescript(_CREATE if version != VERSION else _TRY)
    except sqlite3.DatabaseError as error:
        if connection is not None:
            connection.close()
        raise _unusable(path, error) from error
    return connection


def _unusable(path: Path, error: sqlite3.DatabaseError) -> FtcError:
    """The first byte of SQLite's code says which kind of fault it is."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    hint = "--fresh puts it aside; what was answered in it is then asked again"
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        hint = "another program has it open: end that one, and run again"
    elif code in _OUTSIDE:
        hint = "answers that were kept stay; make room or the folder writable, and run again"
    return FtcError(f"{path}: the ledger of calls cannot be used: {error}", hint=hint)
