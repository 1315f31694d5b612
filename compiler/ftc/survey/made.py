"""What the ledger of `ftc augment` tells of a row: how a model made it, or what was made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ftc.augment import files, result
from ftc.augment.result import EVAL, LEDGER, TRAIN
from ftc.augmentation import CHUNKS
from ftc.errors import FtcError
from ftc.prep.rows import Row
from ftc.recipe import Recipe
from ftc.survey.written import ids_of, line_of

SHEET = "in the sheet"  # for ftc prepare, which takes it from there
LEFT = "left out"  # where a limit ended the run
SHORT = ["step", "make", "kind", "parents", "row", "action", "reason", "detail"]  # not its texts


@dataclass(frozen=True)
class Making:
    """How a model made a row; `make` is the number of the `[[augment.make]]`, `score` the
    judge's, from 0 to 1."""

    make: int
    kind: str
    model: str
    score: float | None

    @classmethod
    def of(cls, row: Row) -> Making | None:
        """What a row says itself; None for one that no model made."""
        note = row.notes.get("augment")
        return cls(note["make"], note["kind"], note["model"], note.get("score")) if note else None


@dataclass(frozen=True)
class Outcome:
    """What came of a row as a seed: `row` is "" where it was no row. `became` is "kept", "dropped",
    "failed" (no answer that can be used), "refused", LEFT or SHEET; `step` the gate that dropped
    it."""

    make: int
    kind: str
    row: str
    became: str
    step: str = ""
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Augmented:
    """The results of `ftc augment` at `root`, for a recipe that lies in `folder`."""

    root: Path
    folder: Path

    def lines(self, name: str) -> list[dict[str, Any]]:
        """The lines of a row, in their order."""
        return self._rows([name])

    def making(self, name: str) -> Making | None:
        """How a row was made; None where that is not told."""
        told = [line for line in self.lines(name) if line["make"]]
        if not told:
            return None
        models = [line["model"] for line in told if line["model"]]
        scores = [line["score"] for line in told if line["score"] is not None]
        return Making(
            told[0]["make"], told[0]["kind"], next(iter(models), ""), next(iter(scores), None)
        )

    def outcomes(self, name: str) -> tuple[Outcome, ...]:
        """What was made of a row, or not, in the order of the ledger."""
        told = self._children(name)
        names = [line["row"] for line in told if line["row"]]
        last = (
            line
            for line in self._rows(names)
            if line["action"] == "dropped" or line["step"] == "kept"
        )
        fates = {line["row"]: line for line in last}
        return tuple(_outcome(line, fates.get(line["row"])) for line in told)

    def ids(self, start: str) -> Iterator[str]:
        """The ids that begin so, of rows and of what they were made from."""
        for batch in pq.ParquetFile(self.root / LEDGER).iter_batches(columns=["row", "parents"]):
            for ids in (batch["row"], pc.list_flatten(batch["parents"])):
                yield from ids.filter(pc.starts_with(ids, start)).to_pylist()
        for path in self._files():
            yield from ids_of(path, start)

    def row(self, name: str) -> Row | None:
        """A row of the finished files, or of those that rows were made of."""
        for path in self._files():
            if found := line_of(path, name):
                number, line = found
                return files.row(line, path, self.folder, number)
        return None

    def _files(self) -> list[Path]:
        """Chats of which pairs were made are among the seeds alone."""
        return [it / name for it in (self.root, self.root / "seeds") for name in (TRAIN, EVAL)]

    def _rows(self, names: list[str]) -> list[dict[str, Any]]:
        """The lines of some rows."""
        found = pq.read_table(
            self.root / LEDGER, filters=pc.field("row").isin(pa.array(names, pa.string()))
        )
        return list(found.to_pylist())

    def _children(self, name: str) -> list[dict[str, Any]]:
        """The lines of steps make and model of which this row is a parent."""
        found: list[dict[str, Any]] = []
        for batch in pq.ParquetFile(self.root / LEDGER).iter_batches(columns=SHORT):
            hits = pc.equal(pc.list_flatten(batch["parents"]), name)
            at = pc.unique(pc.list_parent_indices(batch["parents"]).filter(hits))
            lines = pa.Table.from_batches([batch]).take(at).to_pylist()
            found += [line for line in lines if line["step"] in ("make", "model")]
        return found


def augmented(recipe: Recipe, folder: Path) -> Augmented | None:
    """What `ftc augment` left for a recipe that lies in `folder`; None where it has not run.

    FtcError when there are no rows of `ftc prepare` to look at instead.
    """
    if recipe.augmentation is None:
        return None
    root = result.root(recipe, folder)
    if result.read(root):
        return Augmented(root, folder)
    if recipe.preparation is None:
        raise FtcError(f"{root}: holds no augmented rows", hint="run first: ftc augment RECIPE")
    return None


def _outcome(line: dict[str, Any], fate: dict[str, Any] | None) -> Outcome:
    start = (line["make"], line["kind"], line["row"])
    if line["action"] == "refused":
        became = "failed" if line["step"] == "model" else "refused"
        return Outcome(*start, became, "", line["reason"], line["detail"])
    if fate is None:
        return Outcome(*start, SHEET if line["kind"] in CHUNKS else LEFT)
    if fate["step"] == "kept":
        return Outcome(*start, "kept")
    return Outcome(*start, "dropped", fate["step"], fate["reason"], fate["detail"])
