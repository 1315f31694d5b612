"""The eval texts that rows are compared with, from files of any format or from the hub."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from ftc import recipe
from ftc.data import hub
from ftc.data.example import Rejected
from ftc.data.read import read
from ftc.data.source import find
from ftc.data.table import Table
from ftc.errors import FtcError
from ftc.prep.decontaminate.words import spans, unspaced

LONGEST = 64  # words of an item; longer texts are cut, so that a row with a part of one is found
REPEATED = 10  # rows of a file with the same text: an instruction or a choice, not an item
SINGLE = 0.5  # what a single character counts against `min_words`: Chinese words have about two
HUB = "hub:"


class Item(NamedTuple):
    """A text of an eval row, or a piece of it, and where it stands."""

    text: str
    file: str
    line: int
    column: str


class Items(NamedTuple):
    """`short` and `repeated` count the texts left out; `rejected` are rows that were not read."""

    found: tuple[Item, ...]
    short: int
    repeated: int
    rejected: tuple[Rejected, ...]


def gather(
    against: Sequence[str], columns: Sequence[str] | None, min_words: int, folder: Path
) -> Items:
    """The items of all files and data sets named; FtcError when one cannot be read or has none."""
    parts = [
        _of(_read(name, folder), None if columns is None else tuple(columns), min_words)
        for name in dict.fromkeys(against)
    ]
    return Items(
        tuple(item for part in parts for item in part.found),
        sum(part.short for part in parts),
        sum(part.repeated for part in parts),
        tuple(bad for part in parts for bad in part.rejected),
    )


def paths(against: Sequence[str], folder: Path) -> list[Path]:
    """The files among what is named; FtcError when one is not there."""
    files = [name for name in against if not name.startswith(HUB)]
    return [find(folder / Path(name).expanduser(), name).path for name in files]


def data_set(name: str) -> recipe.Data:
    """hub:OWNER/NAME[/SUBSET][@REVISION][#SPLIT] as the data of a recipe; the split is "test"
    when none is named. FtcError when it is spelled otherwise."""
    rest, _, split = name.removeprefix(HUB).partition("#")
    rest, _, revision = rest.partition("@")
    owner, *more = rest.split("/")
    if not all((owner, *more)) or len(more) > 2:
        raise FtcError(
            f"prepare.decontaminate.against: {name!r} names no data set of the hub",
            hint="for example: hub:openai/gsm8k/main#test",
        )
    return recipe.Data(
        hub="/".join([owner, *more[:1]]),
        subset=more[1] if len(more) == 2 else None,
        split=split or "test",
        revision=revision or None,
    )


def _read(name: str, folder: Path) -> Table:
    if name.startswith(HUB):
        return hub.read(data_set(name))
    return read(folder / Path(name).expanduser(), name)


def _of(table: Table, columns: tuple[str, ...] | None, min_words: int) -> Items:
    texts = [item for line, row in table.rows for item in _row(table.file, line, row, columns)]
    if columns and not texts:
        raise FtcError(
            f"{table.file}: has no text in {', '.join(columns)}",
            hint=f"prepare.decontaminate.columns; found: {', '.join(table.columns())}",
        )
    rows = Counter(text for text, _ in {(item.text, item.line) for item in texts})
    once = {item.text: item for item in reversed(texts)}
    rare = [item for item in reversed(once.values()) if rows[item.text] < REPEATED]
    found = [piece for item in rare for piece in _pieces(item, min_words)]
    if not found:
        raise FtcError(
            f"{table.file}: has no text of {min_words} words or more",
            hint="lower prepare.decontaminate.min_words, or name the column that holds text",
        )
    short = len(rare) - len({(item.line, item.column) for item in found})
    return Items(tuple(found), short, len(once) - len(rare), tuple(table.rejected))


def _row(
    file: str, line: int, row: dict[str, Any], columns: tuple[str, ...] | None
) -> Iterator[Item]:
    for name, value in row.items():
        if columns is None or name in columns:
            for text in _texts(_decoded(value)):
                yield Item(text, file, line, name)


def _decoded(value: Any) -> Any:
    """Lists of turns stand as JSON in CSV files."""
    if isinstance(value, str) and value.lstrip()[:2] in ("[{", '["'):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _texts(value: Any) -> Iterator[str]:
    """The texts in a value; of turns, all but the system's, which is the same in many chats."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, dict):
        turn = "role" in value or "from" in value
        if turn and value.get("role", value.get("from")) in ("system", "developer"):
            return
        for name, part in value.items():
            if not turn or name not in ("role", "from"):
                yield from _texts(part)


def _pieces(item: Item, min_words: int) -> list[Item]:
    """The item, in pieces of about equal length when it is long; none when it is too short or
    has no spaces, as addresses and ids."""
    places, single = spans(item.text), unspaced(item.text)
    address = not single and len(item.text.split()) < 2
    if address or len(places) - single * (1 - SINGLE) < min_words:
        return []
    count = -(-len(places) // LONGEST)
    cuts = [len(places) * i // count for i in range(count + 1)]
    return [
        item._replace(text=item.text[places[a][0] : places[b - 1][1]]) for a, b in pairwise(cuts)
    ]
