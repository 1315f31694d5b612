"""The ledger of a conversion as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from ftc.convert.convert import RECIPE, Converted
from ftc.convert.entry import CLASSES, Entry, counts
from ftc.convert.heard import EMPTY
from ftc.views import table, value

PLAIN = ("exact", "site")  # classes that are counted alone
WORDS = {
    "exact": "the same value",
    "converted": "said in other words",
    "approximate": "the run differs a little",
    "untranslatable": "no counterpart",
    "ignored": "not read by its own tool either",
    "site": "accounts, paths, logging: yours to set",
}


def ledger(found: Converted, *, whole: bool = False) -> str:
    """How many keys are in each class, and those that a person should look at; `whole`: all."""
    numbers = counts(found.entries)
    tool = f"{found.tool} {found.read_as}"
    target = found.target if found.target == RECIPE else f"{found.target} {found.version}"
    lines = [f"{len(found.entries)} keys of {tool}, for {target}"]
    lines.append(
        table([(f"  {kind}", f"{numbers[kind]}", WORDS[kind]) for kind in CLASSES if numbers[kind]])
    )
    for kind in CLASSES:
        some = [it for it in found.entries if it.kind == kind and (whole or _told(it))]
        if some:
            lines += ["", kind, *(line for it in some for line in _lines(it))]
    lines += [f"\nno key says it: {text}" for text in found.differences]
    if found.implied:
        lines += ["", f"{len(found.implied)} values that {tool} takes by itself are said in full"]
    return "\n".join(lines)


def _told(entry: Entry) -> bool:
    said = bool(entry.why) if entry.kind == "exact" else entry.kind not in PLAIN
    return said and entry.why != EMPTY


def _lines(entry: Entry) -> Iterator[str]:
    place = f"line {entry.line}: " if entry.line else ""
    new = ", ".join(f"{path} = {value(it)}" for path, it in entry.to.items())
    arrow = f" -> {new}" if new else ""
    changes = " (changes training)" if entry.lost else ""
    yield f"  {place}{entry.path} = {value(entry.value)}{arrow}{changes}"
    if entry.why:
        yield f"      {entry.why}"
