"""The ledger of a conversion: every key that is set, in one class, with what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ftc.backends import fields
from ftc.convert.meaning import Class, Note, Reading, Writing, leaves
from ftc.convert.tables import HARMLESS, look

CLASSES: tuple[Class, ...] = (
    "exact",
    "converted",
    "approximate",
    "untranslatable",
    "ignored",
    "site",
)
GRAVEST: tuple[Class, ...] = ("untranslatable", "approximate")
LOSSES: tuple[Class, ...] = (*GRAVEST, "converted", "site", "ignored")  # the gravest first


@dataclass(frozen=True)
class Entry:
    """A key of the config that is converted. `to` maps the keys that hold it now to their values;
    `training`: what is lost of it changes what is trained."""

    path: str
    value: Any
    kind: Class
    to: Mapping[str, Any]
    why: str = ""
    line: int = 0
    training: bool = False

    @property
    def lost(self) -> bool:
        """Whether the run that comes out trains in another way because of this key."""
        return self.training and self.kind in GRAVEST


def entries(
    tool: str,
    config: Mapping[str, Any],
    reading: Reading,
    writing: Writing,
    lines: Mapping[str, int],
) -> tuple[Entry, ...]:
    """One entry for each key that is set, in the order of the config."""
    return tuple(
        _entry(tool, path, value, reading, writing, lines) for path, value in leaves(config)
    )


def counts(found: Iterable[Entry]) -> dict[Class, int]:
    """Keys by class, every class named."""
    number = Counter(it.kind for it in found)
    return {kind: number[kind] for kind in CLASSES}


def _entry(
    tool: str, path: str, value: Any, reading: Reading, writing: Writing, lines: Mapping[str, int]
) -> Entry:
    line = lines.get(path, 0)
    if path in writing.kept:  # as it was, for its own tool
        note = reading.settled.get(path) or Note("exact", "")
        why = "; ".join(part for part in (writing.kept[path], note.why) if part)
        return Entry(path, value, "exact", {}, why, line)
    if path in reading.settled:
        note = reading.settled[path]
        return Entry(path, value, note.kind, {}, note.why, line, note.training)
    concepts = reading.heard.get(path, ())
    lost = [writing.lost[name] for name in concepts if name in writing.lost]
    to = {key: look(writing.native, key) for name in concepts for key in writing.held.get(name, ())}
    missing = [name for name in concepts if name not in writing.held and name not in writing.lost]
    for kind in () if missing else LOSSES:
        notes = [note for note in lost if note.kind == kind]
        if notes:
            why = "; ".join(dict.fromkeys(note.why for note in notes))
            return Entry(path, value, kind, to, why, line, any(note.training for note in notes))
    if missing or not concepts:
        field = fields.find(tool, path)
        why = (field and field.why) or f"no key holds {', '.join(missing) or path}"
        training = not set(missing) <= HARMLESS
        if field and field.concept:
            training = field.training
        return Entry(path, value, "untranslatable", to, why, line, training)
    same = len(to) == 1 and all(_alike(value, new) for new in to.values())
    return Entry(path, value, "exact" if same else "converted", to, "", line)


def _alike(value: Any, new: Any) -> bool:
    if isinstance(value, (list, tuple)) and isinstance(new, (list, tuple)):
        return list(value) == list(new)
    return type(value) is type(new) and bool(value == new)
