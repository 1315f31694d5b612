"""Pieces of a file become batches of rows: ids, Arrow columns, ledger and figures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
import pyarrow as pa

from ftc.prep.collect.piece import Bad, Found, Piece
from ftc.prep.ledger import Ledger
from ftc.prep.rows import SCHEMA, TURN, identity
from ftc.prep.step import Outcome

ROWS = 8192  # in a batch at most
SIGNS = 2**26  # of text in a batch, about (judgment): few long rows are a batch too
RECODED = "read as cp1252, not UTF-8"
HALF = "half of a surrogate pair"

_ENCODE = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str
).encode
_EMPTY = "{}"


class Seen:
    """How often each id was given out in a file, eight bytes each and no Python object."""

    def __init__(self) -> None:
        self._runs: list[np.ndarray] = []  # sorted; each at least twice as long as the next

    def before(self, keys: np.ndarray) -> np.ndarray:
        """How often each key was added so far."""
        found = np.zeros(len(keys), np.int64)
        for run in self._runs:
            found += np.searchsorted(run, keys, "right") - np.searchsorted(run, keys, "left")
        return found

    def add(self, keys: np.ndarray) -> None:
        """Add keys, the same one as often as it stands there."""
        self._runs.append(np.sort(keys))
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            last = self._runs.pop()
            self._runs[-1] = np.sort(np.concatenate([self._runs[-1], last]), kind="stable")


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
    ids = _ids(pieces, name, seen)
    ledger = Ledger()
    recoded = sum(piece.recoded for piece in pieces)
    for piece, row in zip(pieces, ids, strict=True) if recoded else ():
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
    figures = {
        **figures,
        "collect.rows": len(pieces),
        "collect.refused": len(bad),
        "collect.lines.recoded": recoded,
    }
    kept = {figure: amount for figure, amount in figures.items() if amount}
    return Outcome(_table(pieces, ids, contents, name), ledger.table(), kept)


def _ids(pieces: list[Piece], name: str, seen: Seen) -> list[str]:
    """Ids of file name, content, and how often that content came before in the file."""
    ids = [identity(name, "0", *piece.turns) for piece in pieces]
    keys = np.frombuffer(bytes.fromhex("".join(ids)), ">u8").astype(np.uint64)
    before = seen.before(keys)
    seen.add(keys)
    if not before.any() and len(set(ids)) == len(ids):
        return ids
    here: dict[str, int] = {}
    for i, (row, count) in enumerate(zip(ids, before.tolist(), strict=True)):
        number = count + here.get(row, 0)
        here[row] = here.get(row, 0) + 1
        if number:
            ids[i] = identity(name, str(number), *pieces[i].turns)
    return ids


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


def _table(
    pieces: list[Piece], ids: list[str], contents: dict[str, pa.Array], name: str
) -> pa.Table:
    count = len(pieces)
    zeros = pa.array(np.zeros(count + 1, np.int32))
    none = pa.ListArray.from_arrays(zeros, pa.array([], pa.string()))
    columns = {
        "id": ids,
        "parents": none,
        "file": pa.repeat(name, count),
        "place": [piece.place for piece in pieces],
        "form": [piece.form for piece in pieces],
        "medium": [piece.medium for piece in pieces],
        "notes": pa.repeat(_EMPTY, count),
        "flags": none,
        **contents,
    }
    return pa.table([columns[field] for field in SCHEMA.names], schema=SCHEMA)
