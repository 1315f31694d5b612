"""What `ftc augment` leaves: files of rows, the ledger of all that was made, and the sheet of
annotations. Each is there whole or not at all, and the state is written last."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from shutil import copyfileobj

import pyarrow as pa
import pyarrow.parquet as pq

from ftc.augment import result
from ftc.augment.gates import Passed
from ftc.augment.kind import Made, Refused
from ftc.augment.result import State
from ftc.augment.seeds import Seeds, Source
from ftc.augment.sieve import LEDGER, By, noted, signed
from ftc.data.example import Rejected
from ftc.prep.annotate.sheet import COLUMNS, MADE
from ftc.prep.canonical import record
from ftc.prep.ledger import Ledger
from ftc.prep.result import STATE, content_hash
from ftc.prep.rows import Row, each
from ftc.prep.store import BATCH, whole, write_json
from ftc.recipe import Recipe


@dataclass(frozen=True)
class Result:
    """Rows in the files: `human` are those that `ftc augment` started from."""

    root: Path
    human: int
    made: int
    eval: int


def write(
    root: Path, seeds: Seeds, passed: Passed, ledger: Iterable[pa.Table], state: State
) -> Result:
    """Write three files whole: rows of yours, if they are trained on, as they are, and then made
    ones that `passed`; rows held out, as they are; and the ledger: bad rows of [data], the given
    lines about seeds, those of gates, and one for each row that was kept.

    `root` is the folder of `result.root`, `state` what `result.now` said before rows were made.
    """
    root.mkdir(parents=True, exist_ok=True)
    (root / STATE).unlink(missing_ok=True)
    lines = chain([rejected(seeds.rejected)], ledger, passed.ledger(), map(_kept, passed.kept()))
    whole(root / result.LEDGER, lambda beside: _write_ledger(lines, beside))
    human = seeds.train_path if seeds.trained else None
    whole(root / result.TRAIN, lambda beside: _write_rows(human, passed.kept(), beside))
    if seeds.eval_path is None:
        (root / result.EVAL).unlink(missing_ok=True)
    else:
        whole(root / result.EVAL, lambda beside: _write_rows(seeds.eval_path, (), beside))
    found = Result(root, seeds.count * seeds.trained, passed.left.total(), seeds.held_out)
    done = replace(state, train=found.human + found.made, made=found.made, eval=found.eval)
    names = [name for name in (result.TRAIN, result.EVAL) if (root / name).exists()]
    done = replace(done, sha256={name: content_hash(root / name) for name in names})
    write_json(root / STATE, asdict(done))
    return found


def sheet(recipe: Recipe, folder: Path, made: Iterable[Row], chunks: Source) -> int:
    """Fill the sheet that `[prepare.annotate]` reads with rows that were made of chunks; how many.

    Rows come in the order of their chunks, kind by kind. An empty sheet says that nothing came.
    """
    count = 0

    def write(beside: Path) -> None:
        nonlocal count
        with beside.open("w", encoding="utf-8", newline="\n") as stream:
            for row, chunk in _with_chunks(made, chunks):
                stream.write(json.dumps(_line(row, chunk), ensure_ascii=False) + "\n")
                count += 1

    whole(result.sheet(recipe, folder), write)
    return count


def story(found: Iterable[Made | Refused], make: int, kind: str) -> pa.Table:
    """Lines of `sieve.LEDGER` for what came of seeds: a line for each row, and for each seed of
    which none came."""
    lines, by = Ledger(), []
    for it in found:
        if isinstance(it, Refused):
            step = "model" if it.failed else "make"
            by.append(By(step, make, kind, [it.seed]))
            lines.add("refused", "", it.reason, detail=it.detail)
        else:
            by.append(noted("make", it.row.notes.get("augment", {}), it.row.parents))
            by[-1] = by[-1]._replace(make=make, kind=kind)
            _add(lines, it.row, kind)
    return signed(lines.table(), by)


def rejected(rows: Iterable[Rejected]) -> pa.Table:
    """Lines of `sieve.LEDGER` for rows of [data] that cannot be trained on."""
    lines = Ledger()
    for row in rows:
        place = f"line {row.line}"
        lines.add("refused", "", "bad row", detail=row.reason, file=row.file, place=place)
    found = lines.table()
    return signed(found, [By("data")] * found.num_rows)


def _write_rows(source: Path | None, more: Iterable[pa.Table], out: Path) -> None:
    """The lines of a file, byte for byte, and then a line for each row of tables."""
    with out.open("wb") as stream:
        if source is not None:
            with source.open("rb") as lines:
                copyfileobj(lines, stream)
        for table in more:
            for row in each(table):
                stream.write(json.dumps(record(row), ensure_ascii=False).encode() + b"\n")


def _write_ledger(tables: Iterable[pa.Table], out: Path) -> None:
    with pq.ParquetWriter(out, LEDGER, compression="zstd") as writer:
        for group in _groups(tables):
            writer.write_table(group)


def _kept(table: pa.Table) -> pa.Table:
    lines, by = Ledger(), []
    for row in each(table):
        by.append(noted("kept", row.notes.get("augment", {}), row.parents))
        lines.add("made", row.id, "kept", file=row.file, place=row.place)
    return signed(lines.table(), by)


def _add(lines: Ledger, row: Row, kind: str) -> None:
    said = "\n".join(content for _, content in row.turns)
    lines.add("made", row.id, kind, file=row.file, place=row.place, after=said)


def _groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same lines in tables of `BATCH` lines, but for the last one."""
    waiting = LEDGER.empty_table()
    for table in tables:
        waiting = pa.concat_tables([waiting, table])
        while waiting.num_rows >= BATCH:
            yield waiting.slice(0, BATCH)
            waiting = waiting.slice(BATCH)
    yield waiting


def _line(row: Row, chunk: Row) -> dict[str, object]:
    told = dict(row.turns)
    return dict.fromkeys(COLUMNS, "") | {
        "id": chunk.id,
        "file": chunk.file,
        "place": chunk.place,
        "title": chunk.title,
        "text": chunk.turns[0][1],
        "instruction": told["user"],
        "output": told["assistant"],
        MADE: row.notes["augment"],
    }


def _with_chunks(made: Iterable[Row], chunks: Source) -> Iterator[tuple[Row, Row]]:
    """Each row with its chunk, which is its first parent."""
    stream = chunks.train()
    chunk = next(stream, None)
    for row in made:
        again = False
        while chunk is None or chunk.id != row.parents[0]:
            chunk = next(stream, None)
            if chunk is None:
                if again:
                    raise ValueError(f"row {row.id} was made of no chunk that is there")
                stream, again = chunks.train(), True
        yield row, chunk
