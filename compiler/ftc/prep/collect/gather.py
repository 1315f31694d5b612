"""What was found in a file becomes batches of rows: ids, columns, ledger and figures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftc.prep.collect.ids import Seen, ids
from ftc.prep.collect.piece import Bad, Block, Found, Piece
from ftc.prep.ledger import Ledger
from ftc.prep.rows import SCHEMA, TURN
from ftc.prep.step import Outcome

ROWS = 8192  # in a batch at most
SIGNS = 2**26  # of text in a batch, about (judgment): few long rows are a batch too
RECODED = "read as cp1252, not UTF-8"
HALF = "half of a surrogate pair"

_ENCODE = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str
).encode
_EMPTY = "{}"
_NOTHING = Ledger().table()


def outcomes(found: Iterable[Found], name: str) -> Iterator[Outcome]:
    """Batches in the order of the file; one at least, that its figures are told."""
    seen = Seen()
    pieces: list[Piece] = []
    bad: list[Bad] = []
    figures: dict[str, float] = {}
    size = 0
    told = False
    for item in found:
        if isinstance(item, Piece):
            pieces.append(item)
            size += sum(map(len, item.turns))
        elif isinstance(item, Bad):
            bad.append(item)
            size += len(item.before)
        elif isinstance(item, Block):
            if pieces or bad:
                yield _outcome(pieces, bad, figures, name, seen)
                pieces, bad, figures, size = [], [], {}, 0
            yield from _block(item, figures, name, seen)
            figures, told = {}, True
        else:
            figures[item.figure] = figures.get(item.figure, 0) + item.amount
        if len(pieces) + len(bad) >= ROWS or size > SIGNS:
            yield _outcome(pieces, bad, figures, name, seen)
            pieces, bad, figures, size, told = [], [], {}, 0, True
    if pieces or bad or figures or not told:
        yield _outcome(pieces, bad, figures, name, seen)


def _outcome(
    pieces: list[Piece], bad: list[Bad], figures: dict[str, float], name: str, seen: Seen
) -> Outcome:
    extras = [_ENCODE(piece.extra) if piece.extra else _EMPTY for piece in pieces]
    try:
        contents = _contents(pieces, extras)
    except UnicodeEncodeError:
        pieces, extras, bad = _writable(pieces, extras, bad)
        contents = _contents(pieces, extras)
    rows = ids(contents["turns"], name, seen)
    ledger = Ledger()
    recoded = sum(piece.recoded for piece in pieces)
    for piece, row in zip(pieces, rows.to_pylist(), strict=True) if recoded else ():
        if piece.recoded:
            lines = f"{piece.recoded} lines" if piece.recoded > 1 else "1 line"
            ledger.add("changed", row, RECODED, detail=lines, file=name, place=piece.place)
    for fault in bad:
        ledger.add(
            "refused",
            "",
            fault.reason,
            detail=_clean(fault.detail),
            file=name,
            place=_clean(fault.place),
            before=_clean(fault.before),
        )
    columns = {
        **contents,
        "id": rows,
        "place": pa.array([piece.place for piece in pieces], pa.string()),
        "form": pa.array([piece.form for piece in pieces], pa.string()),
        "medium": pa.array([piece.medium for piece in pieces], pa.string()),
    }
    figures = {
        **figures,
        "collect.rows": len(pieces),
        "collect.refused": len(bad),
        "collect.lines.recoded": recoded,
    }
    kept = {figure: amount for figure, amount in figures.items() if amount}
    return Outcome(_table(columns, name), ledger.table(), kept)


def _block(block: Block, figures: dict[str, float], name: str, seen: Seen) -> Iterator[Outcome]:
    """Rows that come as columns; the first batch tells what was counted before them."""
    count = len(block.turns)
    lines = pa.array(np.arange(block.first, block.first + count)).cast(pa.string())
    columns = {
        "turns": block.turns,
        "title": pa.repeat("", count),
        "extra": pa.repeat(_EMPTY, count),
        "id": ids(block.turns, name, seen),
        "place": pc.binary_join_element_wise("line ", lines, ""),
        "form": pa.repeat(block.form, count),
        "medium": pa.repeat("table", count),
    }
    rows = _table(columns, name)
    for start in range(0, count, ROWS):
        part = rows.slice(start, ROWS)
        yield Outcome(part, _NOTHING, {**figures, "collect.rows": part.num_rows})
        figures = {}


def _contents(pieces: list[Piece], extras: list[str]) -> dict[str, pa.Array]:
    """The columns that hold the source's own text; UnicodeEncodeError for what is no text."""
    flat = list(chain.from_iterable([piece.turns for piece in pieces]))
    turns = pa.StructArray.from_arrays(
        [pa.array(flat[::2], pa.string()), pa.array(flat[1::2], pa.string())], fields=list(TURN)
    )
    offsets = np.zeros(len(pieces) + 1, np.int32)
    np.cumsum([len(piece.turns) // 2 for piece in pieces], out=offsets[1:])
    return {
        "turns": pa.ListArray.from_arrays(pa.array(offsets), turns),
        "title": pa.array([piece.title for piece in pieces], pa.string()),
        "extra": pa.array(extras, pa.string()),
    }


def _writable(
    pieces: list[Piece], extras: list[str], bad: list[Bad]
) -> tuple[list[Piece], list[str], list[Bad]]:
    """What can be written as UTF-8; a row with half of a surrogate pair in it is refused."""
    good = [_is_text("".join((*p.turns, p.title, e))) for p, e in zip(pieces, extras, strict=True)]
    halves = [
        Bad(piece.place, HALF, "\\ud800 to \\udfff", "\n".join(piece.turns))
        for piece, fine in zip(pieces, good, strict=True)
        if not fine
    ]
    kept = [(p, e) for p, e, fine in zip(pieces, extras, good, strict=True) if fine]
    return [p for p, _ in kept], [e for _, e in kept], [*bad, *halves]


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _clean(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _table(columns: dict[str, pa.Array], name: str) -> pa.Table:
    count = len(columns["turns"])
    zeros = pa.array(np.zeros(count + 1, np.int32))
    none = pa.ListArray.from_arrays(zeros, pa.array([], pa.string()))
    all_columns = {
        "parents": none,
        "file": pa.repeat(name, count),
        "notes": pa.repeat(_EMPTY, count),
        "flags": none,
        **columns,
    }
    return pa.table([all_columns[field] for field in SCHEMA.names], schema=SCHEMA)
