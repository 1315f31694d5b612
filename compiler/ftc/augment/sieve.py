"""Batches of made rows on their way through the steps of `ftc prepare`, in this process."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from ftc.prep import ledger
from ftc.prep.ledger import Ledger
from ftc.prep.rows import Row, each
from ftc.prep.step import Inputs, Outcome, Step
from ftc.prep.store import BATCH, read_table, write_table
from ftc.prep.work import gathered

LEDGER = pa.schema(
    [
        ("step", pa.string()),
        ("make", pa.int64()),  # number of the `[[augment.make]]`, from 1; 0 where it is not known
        ("kind", pa.string()),
        ("parents", pa.list_(pa.string())),  # of the row; the seed where no row came of it
        ("model", pa.string()),  # that made the row; "" where that is not known
        ("score", pa.float64()),  # of the judge, from 0 to 1; null where it gave none
        *ledger.SCHEMA,
    ]
)
Check = Callable[[Row], tuple[str, str]]  # reason and detail; "" for a row that stays


class By(NamedTuple):
    """How the row of a line was made: the columns of `LEDGER` before those of a story."""

    step: str
    make: int = 0
    kind: str = ""
    parents: Sequence[str] = ()
    model: str = ""
    score: float | None = None


@dataclass
class Sieve:
    """`batches` are files of the rows that are left; `ledgers`, `filtered` (by number of the
    `[[augment.make]]`, then by reason) and `figures` (by step) grow with every step."""

    work: Path
    batches: list[Path] = field(default_factory=list)
    ledgers: list[Path] = field(default_factory=list)
    filtered: dict[int, Counter[str]] = field(default_factory=dict)
    figures: dict[str, Counter[str]] = field(default_factory=dict)

    def through(
        self, step: Step, inputs: Inputs, *, name: str = "", beside: Sequence[Path] = ()
    ) -> None:
        """Leave what a step lets through. `beside` are batches that it compares with these; they
        are left as they are. `name` tells apart where a step comes twice."""
        place = self.work / (name or step.name)
        if step.gather and step.decide:
            paths = [place / "gathered" / f"{i:05}" for i in range(len(beside) + len(self.batches))]
            (place / "gathered").mkdir(parents=True)
            for path, batch in zip(paths, [*beside, *self.batches], strict=True):
                step.gather(read_table(batch), inputs, path)
            decision = place / "decision"
            decision.mkdir()
            self._counted(place.name, step.decide(paths, inputs, decision))
            inputs = replace(inputs, decision=decision)
        left = []
        for i, batch in enumerate(self.batches):
            rows = read_table(batch)
            outcome = step.apply(rows, replace(inputs, shard=len(beside) + i))
            left.append(self._take(place / f"{i:05}.parquet", step.name, rows, outcome))
        self.batches = left

    def checked(self, name: str, check: Check) -> None:
        """Leave the rows that a check has nothing against, looked at one by one."""
        left = []
        for i, batch in enumerate(self.batches):
            rows = read_table(batch)
            outcome = looked_at(rows, check)
            left.append(self._take(self.work / name / f"{i:05}.parquet", name, rows, outcome))
        self.batches = left

    def _take(self, path: Path, step: str, rows: pa.Table, outcome: Outcome) -> Path:
        """Write what is left of a batch, and what the step says of it."""
        write_table(path, outcome.rows)
        lines = told(outcome.ledger, step, rows)
        if lines.num_rows:
            write_table(path.with_suffix(".ledger"), lines)
            self.ledgers.append(path.with_suffix(".ledger"))
        gone = lines.filter(pc.equal(lines["action"], "dropped"))
        for make, reason in zip(gone["make"].to_pylist(), gone["reason"].to_pylist(), strict=True):
            self.filtered.setdefault(make, Counter())[reason] += 1
        self._counted(path.parent.name, outcome.figures)
        return path

    def _counted(self, name: str, figures: dict[str, float]) -> None:
        self.figures.setdefault(name, Counter()).update(figures)


def looked_at(rows: pa.Table, check: Check) -> Outcome:
    """The rows that a check has nothing against, and a line for each of the others."""
    lines, stays = Ledger(), []
    for row in each(rows):
        reason, detail = check(row)
        stays.append(not reason)
        if reason:
            text = "\n".join(content for _, content in row.turns)
            place = {"file": row.file, "place": row.place}
            lines.add("dropped", row.id, reason, detail=detail, before=text, **place)
    return Outcome(rows.filter(pa.array(stays, pa.bool_())), lines.table())


def told(lines: pa.Table, step: str, rows: pa.Table) -> pa.Table:
    """Lines of a ledger with their step, and the kind that made each of these rows."""
    wanted = rows.filter(pc.is_in(rows["id"], pc.unique(lines["row"])))
    by = {
        row["id"]: noted(step, json.loads(row["notes"]).get("augment", {}), row["parents"])
        for row in wanted.select(["id", "notes", "parents"]).to_pylist()
    }
    return signed(lines, [by.get(name, By(step)) for name in lines["row"].to_pylist()])


def noted(step: str, note: Mapping[str, Any], parents: Sequence[str]) -> By:
    """What notes["augment"] of a row says."""
    told = {name: note[name] for name in ("make", "kind", "model", "score") if name in note}
    return By(step, parents=parents, **told)


def signed(lines: pa.Table, by: Sequence[By]) -> pa.Table:
    """Lines of a ledger as lines of `LEDGER`."""
    own = [
        pa.array([it[i] for it in by], LEDGER.field(name).type) for i, name in enumerate(By._fields)
    ]
    return pa.table([*own, *lines.columns], schema=LEDGER)


def written(tables: Iterable[pa.Table], place: Path) -> list[Path]:
    """Tables of rows as files of full batches."""
    nothing = ledger.SCHEMA.empty_table()
    paths: list[Path] = []
    for outcome in gathered(Outcome(part, nothing) for part in _parts(tables)):
        paths.append(place / f"{len(paths):05}.parquet")
        write_table(paths[-1], outcome.rows)
    return paths


def _parts(tables: Iterable[pa.Table]) -> Iterable[pa.Table]:
    for table in tables:
        for start in range(0, table.num_rows, BATCH):
            yield table.slice(start, BATCH)
