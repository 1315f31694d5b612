"""The rows that a person should look at: a queue to edit, and what came back from it."""

from __future__ import annotations

import heapq
import json
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from ftc.data.read import read
from ftc.errors import FtcError
from ftc.prep import rows as shape
from ftc.prep.annotate.sheet import Refused, text, write
from ftc.prep.ledger import Ledger
from ftc.prep.rows import Row
from ftc.prep.step import Outcome

COLUMNS = ("id", "why", "instruction", "output", "turns", "file", "place", "verdict")
UNKNOWN = "no such row; its text may have changed"
LOOKED_AT = "reviewed"  # the note of a row that a person kept or edited
Word = Literal["keep", "drop", "edit"]
WORDS: dict[str, Word] = {"keep": "keep", "drop": "drop", "edit": "edit"}
ROLES = (
    "system",
    "user",
    "assistant",
    "tool",
    "chosen",
    "rejected",
    "completion",
    "text",
    "trained",
    "masked",
)
Turns = tuple[tuple[str, str], ...]


class Verdict(NamedTuple):
    """What a person said about a row; `turns` are those of an edited row.

    A row whose sheet has an instruction and an output keeps its system turn.
    """

    word: Word
    turns: Turns
    line: int


class Reviewed(NamedTuple):
    """Verdicts by the row's id, and the lines that cannot be used."""

    verdicts: dict[str, Verdict]
    refused: tuple[Refused, ...]


class _Doubt(NamedTuple):
    """Sorts the most doubtful row first: lowest quality, then most flags, then id."""

    quality: float
    flags: int
    id: str


def queue(tables: Iterable[pa.Table], out: Path, count: int) -> int:
    """Write the `count` most doubtful finished rows as JSONL or, by the suffix, CSV; how many.

    Doubt is a low `notes["quality"]` (0 to 1; a row without one counts as 1), then many flags.
    Rows with a verdict from an earlier review are left out.
    FtcError when the file is there already: it may hold verdicts.
    """
    held: list[tuple[_Doubt, Row]] = []
    for table in tables:
        held = heapq.nsmallest(count, [*held, *_doubtful(table, count)], key=lambda it: it[0])
    return write((_line(row) for _, row in held), COLUMNS, out)


def reviewed(path: Path) -> Reviewed:
    """The verdicts of an edited queue; lines without one say nothing.

    FtcError when the file is missing or is no queue.
    """
    table = read(path)
    missing = [name for name in ("id", "verdict") if name not in table.columns()]
    if missing:
        raise FtcError(
            f"{path}: has no column {missing[0]!r}; it has {', '.join(table.columns())}",
            hint="it is written by ftc data review RECIPE --out FILE",
        )
    refused = [Refused(bad.line, "", "unreadable line", bad.reason) for bad in table.rejected]
    verdicts: dict[str, Verdict] = {}
    for line, row in table.rows:
        found = _verdict(line, row)
        if isinstance(found, Refused):
            refused.append(found)
        elif found is not None:
            if text(row["id"]) in verdicts:
                refused.append(Refused(line, text(row["id"]), "second verdict on a row"))
            else:
                verdicts[text(row["id"])] = found
    return Reviewed(verdicts, tuple(sorted(refused, key=lambda it: it.line)))


def apply_review(rows: pa.Table, path: Path) -> Outcome:
    """The rows without those that were dropped, with those that were edited as they are now.

    Lines of the file that cannot be used are told once, by `faults`, and not for every batch.
    """
    verdicts = _cached(path, path.stat().st_mtime_ns).verdicts
    lines = Ledger()
    wanted = pc.is_in(rows["id"], pa.array(sorted(verdicts), pa.string()))
    if not pc.any(wanted).as_py():
        return Outcome(rows, lines.table(), {})
    made: list[Row] = []
    figures = dict.fromkeys(("review.kept", "review.dropped", "review.edited"), 0.0)
    places: list[int] = []
    for place, row in _picked(rows, wanted):
        after = _after(row, verdicts[row.id], lines, figures)
        if after is not None:
            made.append(after)
            places.append(place)
    kept = rows.filter(pc.invert(wanted))
    others = [i for i, hit in enumerate(wanted.to_pylist()) if not hit]
    at = [*others, *places]
    order = sorted(range(len(at)), key=at.__getitem__)
    table = pa.concat_tables([kept, shape.table(made)]).take(pa.array(order, pa.int64()))
    return Outcome(table.combine_chunks(), lines.table(), figures)


def faults(path: Path, name: str, known: Collection[str]) -> pa.Table:
    """A ledger of the lines that cannot be used, and of those whose row is not in `known`.

    To be told once, by the step that has seen all ids; `name` is the file as the recipe has it.
    """
    found = reviewed(path)
    unknown = [
        Refused(verdict.line, row, UNKNOWN)
        for row, verdict in found.verdicts.items()
        if row not in known
    ]
    lines = Ledger()
    for bad in sorted([*found.refused, *unknown], key=lambda it: it.line):
        detail = bad.detail or f"id {bad.id}"
        lines.add("refused", "", bad.reason, detail=detail, file=name, place=f"line {bad.line}")
    return lines.table()


@lru_cache(maxsize=4)
def _cached(path: Path, changed: int) -> Reviewed:
    return reviewed(path)


def _doubtful(table: pa.Table, count: int) -> list[tuple[_Doubt, Row]]:
    """The most doubtful finished rows of one table."""
    table = table.filter(pc.invert(pc.equal(table["form"], "chunk")))
    notes = map(json.loads, table["notes"].to_pylist())
    columns = zip(table["id"].to_pylist(), notes, table["flags"].to_pylist(), strict=True)
    doubts = [
        (_Doubt(_quality(noted), -len(flags), row), i)
        for i, (row, noted, flags) in enumerate(columns)
        if LOOKED_AT not in noted
    ]
    picked = heapq.nsmallest(count, doubts)
    found = shape.each(table.take(pa.array([i for _, i in picked], pa.int64())))
    return [(doubt, row) for (doubt, _), row in zip(picked, found, strict=True)]


def _quality(notes: dict[str, Any]) -> float:
    value = notes.get("quality", 1.0)
    return float(value) if isinstance(value, (int, float)) else 1.0


def _line(row: Row) -> dict[str, Any]:
    """A row as a person edits it: instruction and output, or all of its turns."""
    roles = [role for role, _ in row.turns]
    simple = roles in (["user", "assistant"], ["system", "user", "assistant"])
    turns = [{"role": role, "content": content} for role, content in row.turns]
    return {
        "id": row.id,
        "why": _why(row),
        "instruction": row.turns[-2][1] if simple else "",
        "output": row.turns[-1][1] if simple else "",
        "turns": "" if simple else json.dumps(turns, ensure_ascii=False),
        "file": row.file,
        "place": row.place,
        "verdict": "",
    }


def _why(row: Row) -> str:
    """What speaks against a row: its quality, its flags, its lowest scores."""
    said = [f"quality {row.notes['quality']:.2f}"] if "quality" in row.notes else []
    said += [", ".join(row.flags)] if row.flags else []
    scores = row.notes.get("scores")
    low = sorted((value, name) for name, value in (scores or {}).items() if value < 1)
    said += [", ".join(f"{name} {value:.2f}" for value, name in low[:3])] if low else []
    return "; ".join(said) or "no score"


def _verdict(line: int, row: dict[str, Any]) -> Verdict | Refused | None:
    name, word = text(row.get("id")), text(row.get("verdict")).strip().lower()
    if not word:
        return None
    if not name:
        return Refused(line, "", "no id")
    if word not in WORDS:
        detail = f"{word[:40]!r} is none of {', '.join(WORDS)}"
        return Refused(line, name, "unknown verdict", detail)
    if word != "edit":
        return Verdict(WORDS[word], (), line)
    turns = _turns(row)
    if isinstance(turns, str):
        return Refused(line, name, "edit without a text", turns)
    return Verdict("edit", turns, line)


def _turns(row: dict[str, Any]) -> Turns | str:
    """The turns of an edited line, or what is wrong with them."""
    instruction, output = text(row.get("instruction")), text(row.get("output"))
    if not text(row.get("turns")).strip():
        if not instruction.strip() or not output.strip():
            return "instruction or output is empty"
        return (("user", instruction.strip()), ("assistant", output.strip()))
    value = row["turns"]
    try:
        turns = json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError as error:
        return f"turns are not JSON: {error.msg}"
    if not isinstance(turns, list) or not all(_is_turn(turn) for turn in turns) or not turns:
        return "turns are not a list of role and content"
    return tuple((turn["role"], turn["content"]) for turn in turns)


def _is_turn(turn: Any) -> bool:
    return (
        isinstance(turn, dict)
        and turn.get("role") in ROLES
        and isinstance(turn.get("content"), str)
    )


def _picked(rows: pa.Table, wanted: pa.ChunkedArray) -> Iterator[tuple[int, Row]]:
    places = [i for i, hit in enumerate(wanted.to_pylist()) if hit]
    return zip(places, shape.each(rows.filter(wanted)), strict=True)


def _after(row: Row, verdict: Verdict, lines: Ledger, figures: dict[str, float]) -> Row | None:
    """The row as the verdict leaves it; None when it goes."""
    before = "\n".join(content for _, content in row.turns)
    told = {"file": row.file, "place": row.place, "before": before}
    kept = row._replace(notes=row.notes | {LOOKED_AT: verdict.word})
    if verdict.word == "drop":
        lines.add("dropped", row.id, "dropped in review", **told)
        figures["review.dropped"] += 1
        return None
    system = row.turns[:1] if row.turns and row.turns[0][0] == "system" else ()
    whole = bool(verdict.turns) and verdict.turns[0][0] == "system"
    turns = verdict.turns if whole else (*system, *verdict.turns)
    if verdict.word == "keep" or turns == row.turns:
        figures["review.kept"] += 1
        return kept
    if [role for role, _ in turns] != [role for role, _ in row.turns]:
        roles = ", ".join(role for role, _ in row.turns)
        lines.add("refused", row.id, "edit with other roles", detail=f"the row has {roles}", **told)
        return row
    after = "\n".join(content for _, content in turns)
    lines.add("changed", row.id, "edited in review", after=after, **told)
    figures["review.edited"] += 1
    return kept._replace(turns=turns)
