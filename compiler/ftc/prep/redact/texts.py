"""The texts of a batch in which personal data may be: contents, titles, strings in `extra`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftc.prep import rows

# Strings that tie mails together or name a thing of the program, not of a person.
_KEPT = frozenset({"message_id", "message-id", "in_reply_to", "references", "id", "type", "role"})
_LOOKED = r"\d|@|(?i:key|pass|secret|token|from|to\"|cc|author|name|sender)|PRIVATE"


class Texts(NamedTuple):
    """All texts of a batch in a fixed order: every content, every title, strings of `extra`."""

    array: pa.Array
    owners: np.ndarray[Any, np.dtype[np.int64]]  # the index of the row of each text
    contents: int  # how many of the texts are contents
    extras: tuple[int, ...]  # rows whose `extra` was taken apart, in order
    headers: frozenset[int]  # texts that are a mail's from, to or the like: names stand there


def gathered(batch: pa.Table) -> Texts:
    """The texts of a batch; `put` wants others back in the same order."""
    contents = rows.contents(batch).cast(pa.string())
    titles = batch["title"].combine_chunks()
    looked = pc.match_substring_regex(batch["extra"], _LOOKED).combine_chunks()
    found: list[str] = []
    owners: list[int] = []
    headers: set[int] = set()
    extras = tuple(np.flatnonzero(looked.to_numpy(zero_copy_only=False)).tolist())
    base = len(contents) + batch.num_rows
    for row in extras:
        for key, text in _strings(json.loads(batch["extra"][row].as_py())):
            if key in ("from", "to", "cc", "bcc", "reply_to", "reply-to", "sender"):
                headers.add(base + len(found))
            found.append(text)
            owners.append(row)
    every = [
        rows.owners(batch).to_numpy(zero_copy_only=False).astype(np.int64),
        np.arange(batch.num_rows, dtype=np.int64),
        np.array(owners, np.int64),
    ]
    array = pa.concat_arrays([contents, titles, pa.array(found, pa.string())])
    return Texts(array, np.concatenate(every), len(contents), extras, frozenset(headers))


def put(batch: pa.Table, texts: Texts, changed: dict[int, str]) -> pa.Table:
    """The batch with the texts of `changed`, by their index in `texts`."""
    if not changed:
        return batch
    last = texts.contents + batch.num_rows
    parts = (range(texts.contents), range(texts.contents, last), range(last, len(texts.array)))
    if any(index in parts[0] for index in changed):
        batch = rows.with_contents(batch, _replaced(texts.array, parts[0], changed))
    if any(index in parts[1] for index in changed):
        batch = rows.with_column(batch, "title", _replaced(texts.array, parts[1], changed))
    if any(index in parts[2] for index in changed):
        batch = rows.with_column(batch, "extra", _extras(batch, texts, parts[2], changed))
    return batch


def _replaced(array: pa.Array, part: range, changed: dict[int, str]) -> pa.Array:
    at = [index for index in sorted(changed) if index in part]
    mask = np.zeros(len(part), bool)
    mask[[index - part.start for index in at]] = True
    values = pa.array([changed[index] for index in at], pa.string())
    return pc.replace_with_mask(array.slice(part.start, len(part)), pa.array(mask), values)


def _extras(batch: pa.Table, texts: Texts, part: range, changed: dict[int, str]) -> list[str]:
    extras: list[str] = batch["extra"].to_pylist()
    index = part.start
    for row in texts.extras:
        value = json.loads(extras[row])
        count = sum(1 for _ in _strings(value))
        own = range(index, index + count)
        if any(at in changed for at in own):
            extras[row] = rows.dumped(_mapped(value, iter([changed.get(at) for at in own])))
        index += count
    return extras


def _strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:  # Any: JSON
    """The strings of a JSON value by their key, in the order that `_mapped` asks for them."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name in sorted(value):
            if name.lower() not in _KEPT:
                yield from _strings(value[name], name.lower())
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item, key)


def _mapped(value: Any, new: Iterator[str | None]) -> Any:  # Any: JSON
    if isinstance(value, str):
        changed = next(new)
        return value if changed is None else changed
    if isinstance(value, dict):
        return value | {
            name: _mapped(value[name], new) for name in sorted(value) if name.lower() not in _KEPT
        }
    return [_mapped(item, new) for item in value] if isinstance(value, list) else value


def pieces(text: str, spans: Sequence[tuple[int, int, str]]) -> str:
    """The text with each (start, end) of `spans`, which are in order, replaced.

    What was JSON stays JSON: a number becomes a string.
    """
    replaced = _joined(text, spans)
    if text.lstrip()[:1] in ("{", "[") and _json(text) and not _json(replaced):
        bare = [
            (start, end, new if _within_string(text, start) else f'"{new}"')
            for start, end, new in spans
        ]
        return _joined(text, bare)
    return replaced


def _joined(text: str, spans: Sequence[tuple[int, int, str]]) -> str:
    out, last = [], 0
    for start, end, new in spans:
        out += [text[last:start], new]
        last = end
    return "".join([*out, text[last:]])


def _within_string(text: str, at: int) -> bool:
    before = text[:at].replace("\\\\", "").replace('\\"', "")
    return before.count('"') % 2 == 1


def _json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
