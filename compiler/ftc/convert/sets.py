"""The data sets of two sides, matched by what they are, and their parts compared one by one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ftc.backends.llamafactory_data import TEMPLATES
from ftc.convert.difference import Difference, alike, of
from ftc.convert.rows import files
from ftc.convert.rows.axolotl_names import AS_THEY_ARE, FORMATTED
from ftc.convert.rows.dataset_info import template_of
from ftc.convert.rows.parts import Rows, gather
from ftc.convert.rows.templates import OWN, SYSTEMS, from_llamafactory
from ftc.convert.sides import Side

_PLACES = ("hub", "path", "modelscope", "openmind", "script", "name")
_LABELS = (*_PLACES, "subset", "split", "files")
_FIRST = re.compile(r"(.+)\[:(\d+)\]")
# What Axolotl takes, and the other tool always does.
_USUAL = {"roles_to_train": ["assistant"], "train_on_eos": "turn"}
_QUIET = (
    "prompt",
    "template",
    "name",
    "conversation",
    "builder",
    "trust_remote_code",
    "file_type",
    "raw_calls",
)
_START = ("data.train[", "data.eval[")
_WHOLE = ("train_rows", "data.template", "data.samples", "data.system")  # of all data sets


def handles(concept: str) -> bool:
    """Whether a concept is compared here."""
    return concept.startswith(_START) or concept in _WHOLE


def differences(left: Side, right: Side) -> Iterator[Difference]:
    """Rows that only one of them has, data sets that only one names, parts that differ."""
    rows = list(_rows(left, right))
    yield from rows
    yield from _texts(left, right)
    if "plan" in (left.what, right.what) or _same(left, right):
        return
    for part in ("train", "eval"):
        one, two = _named(left, part), _named(right, part)
        if not (left.whole and right.whole) and not (one and two):
            continue
        for label in sorted(one.keys() | two.keys()):
            yield from _set(f"data.{part}[{label}]", one.get(label), two.get(label))


def _same(left: Side, right: Side) -> bool:
    """The rows themselves are known, and are the same, wherever they were read."""
    if left.ids is not None and right.ids is not None:
        return left.ids == right.ids
    return bool(left.digest) and left.digest == right.digest


def _rows(left: Side, right: Side) -> Iterator[Difference]:
    if left.ids is not None and right.ids is not None:
        if left.ids != right.ids:
            one, two = Counter(left.ids), Counter(right.ids)
            note = f"{(one & two).total() or 'none'} of them in both"
            yield of("data.rows", one.total(), two.total(), note=note)
        return
    counts = [side.values.get("train_rows") for side in (left, right)]
    known = left.digest and right.digest
    if None not in counts and counts[0] != counts[1]:
        yield of("data.rows", *counts)
    elif known and left.digest != right.digest:
        yield of("data.rows", *counts, note="not the same rows")


def _named(side: Side, part: str) -> dict[str, Rows]:
    """The data sets of a side by what a person would call them."""
    found: dict[str, Rows] = {}
    for rows in (it for group in gather(side.values, part) for it in files.apart(group)[0]):
        rows = _sampled(rows, side)
        if rows.get("prompt") == FORMATTED and rows.get("system") in SYSTEMS.values():
            del rows["system"]  # `_style` names the template that says it
        if "data.system" in side.values:
            rows = {"system": side.values["data.system"], **rows}
        label, number = _label(rows), 2
        while label in found:  # read twice on purpose
            label, number = f"{_label(rows)} ({number})", number + 1
        found[label] = rows
    return found


def _sampled(rows: Rows, side: Side) -> Rows:
    """With how many rows are used at most, wherever that is said."""
    if (most := side.values.get("data.samples")) is not None:
        return {"samples": most, **rows}
    if found := _FIRST.fullmatch(str(rows.get("split", ""))):
        return {**rows, "split": found[1], "samples": f"the first {found[2]}"}
    return rows


def _texts(left: Side, right: Side) -> Iterator[Difference]:
    """How rows become text: by a chat template, or by a layout that a data set brings."""
    if "pretrain" in (left.values.get("stage"), right.values.get("stage")):
        return
    if "plan" in (left.what, right.what) or not (left.whole and right.whole):
        return
    one, two = _styles(left), _styles(right)
    if one != two:
        one, two = _known(one, left), _known(two, right)
    if one != two:
        yield of("data.template", ", ".join(sorted(one)), ", ".join(sorted(two)))


def _known(styles: set[str], side: Side) -> set[str]:
    """With the family of the model's own template, where ftc knows the model."""
    return {side.family or it if it == OWN else it for it in styles}


def _styles(side: Side) -> set[str]:
    stage = str(side.values.get("stage", "sft"))
    whole = str(side.values.get("data.template", OWN))
    return {_style(rows, stage, whole) for rows in gather(side.values, "train")} or {whole}


def _style(rows: Rows, stage: str, whole: str) -> str:
    if rows.get("prompt") in (None, AS_THEY_ARE):
        return str(rows.get("template", whole))
    word, system, _ = template_of(rows, stage)
    if not word:
        return f"the text of {rows['prompt']}"
    families = (name for name, it in TEMPLATES.items() if system and it.system == system)
    return next(families, from_llamafactory(word))


def _label(rows: Rows) -> str:
    where = next((str(rows[it]) for it in _PLACES if it in rows), "?")
    parts = [str(rows[it]) for it in ("subset", "split") if it in rows and rows[it] != "train"]
    files = rows.get("files") or []
    return " ".join([where, *parts, *([files] if isinstance(files, str) else map(str, files))])


def _set(concept: str, one: Rows | None, two: Rows | None) -> Iterator[Difference]:
    if one is None or two is None:
        yield of(concept, _told(one), _told(two))
        return
    other = one.get("layout", "") != two.get("layout", "") and "layout" in one and "layout" in two
    for part in sorted(one.keys() | two.keys()):
        if other and part.partition(".")[0] in ("columns", "roles"):
            continue  # they go with the layout
        usual = _USUAL.get(part)
        values = one.get(part, usual), two.get(part, usual)
        if part in _LABELS or part in _QUIET or part.startswith("format.") or alike(*values):
            continue
        if all(it in (None, False, "", [], ()) for it in values) or _unsaid(part, one, two):
            continue
        yield of(f"{concept}.{part}", *values)


def _told(rows: Rows | None) -> Any:
    """A data set in a word: how its rows are laid out."""
    return None if rows is None else str(rows.get("layout", "layout not known"))


def _unsaid(part: str, one: Rows, two: Rows) -> bool:
    """One of them leaves all of its kind open: how the rows are laid out is not known there."""
    kind = part.partition(".")[0]
    if kind not in ("columns", "roles", "layout"):
        return False
    return not all(any(it.partition(".")[0] == kind for it in rows) for rows in (one, two))
