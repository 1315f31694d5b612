"""What differs between two runs, whatever they are written in: in meaning, not in text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ftc.backends import fields
from ftc.convert import dialect, effects, native_side, planned_side, sets, subjects
from ftc.convert.difference import Difference, alike, of
from ftc.convert.effects import Effect
from ftc.convert.rows import axolotl, llamafactory
from ftc.convert.sides import Own, Place, Side, place

ALONE = "keys of one tool alone"
# Not set, or set to this, is the same; but for what is on where nothing is said.
_OFF: tuple[Any, ...] = (None, False, 0, "", (), [], {}, "none")
_ON = ("data.shuffle", "data.separate_documents")
# What a config has no word for, or need not say: most models have nothing to think of.
_PLANNED = ("device", "gpus", "thinking")
_STREAMS = ("data.streaming", "data.pretraining")  # each tool's way to read documents
_ROWS = {"axolotl": axolotl.PLAIN, "llamafactory": llamafactory.PLAIN}
_SPLITS = ("data.eval_share", "data.eval_count")
_OF_ADAPTERS = ("lora_", "loraplus_", "bnb_", "init_lora_weights", "adapter_", "pure_bf16")
_OF_STAGES = ("preference_", "desirable_", "undesirable_", "dpo_", "simpo_", "ld_alpha")


@dataclass(frozen=True)
class Diff:
    """`site` are differences of machines, accounts and paths; `dead` keys of either side that its
    own tool does not read."""

    left: Side
    right: Side
    differences: tuple[Difference, ...]
    effects: tuple[Effect, ...]
    site: tuple[Difference, ...]
    dead: tuple[Difference, ...]

    @property
    def training(self) -> bool:
        """Whether they train another model."""
        return any(it.training for it in self.differences)

    def mirrored(self) -> Diff:
        """The same, seen from the other side."""
        return Diff(
            self.right,
            self.left,
            tuple(it.mirrored() for it in self.differences),
            tuple(it.mirrored() for it in self.effects),
            tuple(it.mirrored() for it in self.site),
            tuple(it.mirrored() for it in self.dead),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "left": self.left.as_dict(),
            "right": self.right.as_dict(),
            "training": self.training,
            "differences": [it.as_dict() for it in self.differences],
            "effects": [it.as_dict() for it in self.effects],
            "site": [it.as_dict() for it in self.site],
            "ignored": [it.as_dict() for it in self.dead],
        }


def diff(first: Path, second: Path, *, offline: bool = False) -> Diff:
    """The difference of two recipes, plans, configs, build folders or run folders.

    What is for either tool is read as it would be for the other side's. FtcError when one of them
    cannot be read.
    """
    one, two = place(first), place(second)
    tools = {(it.tool, it.version) for it in (one, two) if it.tool}
    tool, version = tools.pop() if len(tools) == 1 else ("", "")
    return compared(
        side(one, tool, version, offline=offline), side(two, tool, version, offline=offline)
    )


def side(it: Place, tool: str = "", version: str = "", *, offline: bool = False) -> Side:
    """What is at a place, read as it would be for `tool` where it is for either."""
    if it.what == "config":
        return native_side.read(it)
    if it.what == "recipe":
        return planned_side.of_recipe(it, tool, version, offline=offline)
    return (
        planned_side.of_plan(it, tool, version) if it.what == "plan" else planned_side.of_build(it)
    )


def compared(left: Side, right: Side) -> Diff:
    """The difference of two sides that have been read."""
    left, right = effects.completed(left, right), effects.completed(right, left)
    found = [
        *_concepts(left, right),
        *effects.together(left, right),
        *sets.differences(left, right),
    ]
    found.sort(key=lambda it: (it.group == ALONE, subjects.order(it.name)))
    own = list(_own(left, right))
    told = [it for it, kind in own if kind == "alone"]
    site = [it for it, kind in own if kind == "site"]
    return Diff(
        left,
        right,
        (*(it for it in found if not subjects.site(it.name)), *told),
        tuple(effects.effects(left, right)),
        (*(it for it in found if subjects.site(it.name)), *site),
        tuple(it for it, kind in own if kind == "ignored"),
    )


def _concepts(left: Side, right: Side) -> Iterator[Difference]:
    for name in left.values.keys() | right.values.keys():
        if name in effects.TOGETHER or sets.handles(name) or _follows(name, left, right):
            continue
        one, two = _value(name, left), _value(name, right)
        if name not in right.values and not _counts(name, left, right):
            continue
        if name not in left.values and not _counts(name, right, left):
            continue
        if not alike(one, two):
            yield _difference(name, left, right)


def _difference(name: str, left: Side, right: Side) -> Difference:
    made = of(name, _value(name, left), _value(name, right))
    only = ""
    if left.tool != right.tool:
        only = "left" if _unknown(name, right) else "right" if _unknown(name, left) else ""
    return replace(
        made,
        group=ALONE if only else made.group,
        only=only,
        left_default=made.left is not None and _defaulted(name, left),
        right_default=made.right is not None and _defaulted(name, right),
    )


def _defaulted(name: str, side: Side) -> bool:
    return name in side.left or name not in side.values


def _value(name: str, side: Side) -> Any:
    """What a side says of a concept, or what its tool takes."""
    return side.values[name] if name in side.values else _usual(name, side)


def _unknown(name: str, side: Side) -> bool:
    """Its tool has no key for it."""
    if not side.tool or name in side.values:
        return False
    if name.startswith("data."):
        return name not in (*_ROWS[side.tool].values(), *_SPLITS)
    return dialect.place(side.tool, side.version, name) is None


def _follows(name: str, left: Side, right: Side) -> bool:
    """It goes with the method or the stage, which differ already."""
    if all(side.values.get(name) not in (None, ()) for side in (left, right)):
        return False
    methods = {left.values.get("method"), right.values.get("method")}
    if name.startswith(_OF_ADAPTERS) and len(methods) > 1:
        return True
    return name.startswith(_OF_STAGES) and left.values.get("stage") != right.values.get("stage")


def _counts(name: str, told: Side, other: Side) -> bool:
    """Whether a value is a difference to a side that does not name it."""
    value = told.values[name]
    if not other.whole or (name.startswith("data.") and "plan" in (told.what, other.what)):
        return False
    if name in told.left or name in _PLANNED:
        return False
    if name == "data.turn_ends" and other.plan:
        return bool(value != [other.plan.turn_end])
    if name in _ON:
        return value is not True
    if name in _STREAMS and any(it in other.values for it in _STREAMS):
        return False
    if any(alike(value, it) for it in _OFF) or (name, value) == ("tokens", "native"):
        return False
    return not alike(value, _usual(name, told))


def _usual(name: str, side: Side) -> Any:
    """What its tool takes for a concept that is left out; None where that is not known.

    Of settings of the plan the key table has other words than the default does.
    """
    path = dialect.place(side.tool, side.version, name) if side.tool else None
    entry = fields.find(side.tool, path) if path else None
    if entry is None or entry.concept != name:
        return None
    default = entry.default
    return entry.words.get(default, default) if isinstance(default, str) else default


# ---------------------------------------------------------------------- keys without a concept


def _own(left: Side, right: Side) -> Iterator[tuple[Difference, str]]:
    """The keys that stand for no concept, with "site", "ignored" or "alone"."""
    tool = left.tool if left.tool == right.tool else ""
    for path in sorted(left.own.keys() | right.own.keys()):
        one, two = left.own.get(path), right.own.get(path)
        known = [it for it in (one, two) if it is not None]
        kinds = {it.note.kind for it in known}
        if kinds <= {"exact", "converted"} or (one and two and alike(one.value, two.value)):
            continue
        if tool and all(_at_default(tool, path, it) for it in known):
            continue
        kind = next((it for it in ("site", "ignored") if kinds == {it}), "alone")
        yield (
            Difference(
                path,
                one.value if one else None,
                two.value if two else None,
                ALONE,
                kind == "alone" and any(it.note.training for it in known),
                only="" if tool or (one and two) else "left" if one else "right",
                note="" if tool else "; ".join(sorted({it.note.why for it in known})),
            ),
            kind,
        )


def _at_default(tool: str, path: str, told: Own) -> bool:
    entry = fields.find(tool, path)
    return entry is not None and alike(told.value, entry.default)
