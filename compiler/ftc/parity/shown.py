"""Tells what each token of a backend's row is, and whether the loss trains on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Any

from ftc.parity.marked import Token, marked
from ftc.parity.reader import Reader
from ftc.parity.records import UNTRAINED, Row
from ftc.parity.remarks import notes, warnings
from ftc.parity.sources import Content, Kind, contents

LABELS: dict[Kind, str] = {
    "control": "template",
    "template": "template",
    "prompt": "prompt",
    "answer": "answer",
    "terminator": "turn end",
}


@dataclass(frozen=True)
class Span:
    """Neighbouring tokens of one kind, all of them trained on or none; `ids` as in the row.

    `label` is the part of the row that they belong to: a special token inside a message is of it.

    control: a special or added token; template: text that stands in no message of the source row
    (role headers, line breaks, an injected system turn); prompt: a system, user or tool message;
    answer: an assistant message, or the text of a pre-training row; terminator: the end of a turn.
    """

    text: str
    kind: Kind
    label: str
    trained: bool
    ids: tuple[int, ...]


@dataclass(frozen=True)
class Shown:
    """One row of a backend, taken apart. `number` counts the source rows from 1.

    `ids` are those of the source rows in it: one, or several in a pack. `notes` say what the
    template adds, `warnings` what is not as one would think.
    """

    number: int
    ids: tuple[str, ...]
    role: str
    tokens: int
    trained: int
    spans: tuple[Span, ...]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Trained tokens of all tokens, 0 to 1."""
        return self.trained / self.tokens if self.tokens else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain data for `--format json`."""
        return asdict(self) | {"share": round(self.share, 4)}


def shown(row: Row, records: Sequence[Mapping[str, Any]], reader: Reader, number: int = 1) -> Shown:
    """A row beside the records of `ftc.backends.rows` in it, several when it is a pack."""
    wanted: list[Content] = []
    for record in records:
        base = 1 + max((content.turn for content in wanted), default=-1)
        wanted += [
            replace(content, turn=content.turn + base)
            for content in contents(record, row.role, reader.default_system)
        ]
    kept = _unpadded(row)
    padding = len(row.ids) - len(kept.ids)
    read = marked(kept, wanted, reader)
    return Shown(
        number,
        tuple(str(record.get("id", "")) for record in records),
        row.role,
        len(read.tokens),
        sum(token.trained for token in read.tokens),
        tuple(_spans(read.tokens, wanted)),
        (*notes(read, reader), *([f"{padding} tokens of padding follow"] if padding else [])),
        tuple(warnings(read, wanted, reader)),
    )


def _unpadded(row: Row) -> Row:
    """Without the tokens at its end that nothing attends to: a backend fills packs up."""
    end = len(row.ids)
    while end and not row.mask[end - 1] and row.labels[end - 1] == UNTRAINED:
        end -= 1
    return Row(row.ids[:end], row.labels[:end], row.mask[:end], row.role)


def _spans(tokens: Iterable[Token], contents: Sequence[Content]) -> Iterator[Span]:
    def sort(token: Token) -> tuple[Kind, str, bool]:
        owner = token.kind if token.content < 0 else contents[token.content].kind
        return token.kind, LABELS[owner], token.trained

    for (kind, label, trained), run in groupby(tokens, sort):
        part = list(run)
        text = "".join(token.text for token in part)
        yield Span(text, kind, label, trained, tuple(token.id for token in part))
