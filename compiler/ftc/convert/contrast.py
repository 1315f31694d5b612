"""A difference as text for a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from ftc.convert import subjects
from ftc.convert.diff import ALONE, Diff
from ftc.convert.difference import Difference
from ftc.convert.effects import Effect
from ftc.convert.rows.templates import OWN
from ftc.convert.sides import Side
from ftc.views import value

WIDTH = 80
TOOLS = {"axolotl": "Axolotl", "llamafactory": "LLaMA-Factory"}
_LISTS = ("lora_targets", "lora_modules_to_save", "add_tokens", "additional_special_tokens")
_FACTORS = ("max_length", "learning_rate", "effective_batch", "data.rows")


def text(found: Diff, *, whole: bool = False) -> str:
    """What differs in training, what follows of it, what differs otherwise; `whole`: matters of the
    site and dead keys too."""
    train = [it for it in found.differences if it.training]
    rest = [it for it in found.differences if not it.training and it.group != ALONE]
    alone = [it for it in found.differences if not it.training and it.group == ALONE]
    lines = [f"A  {_what(found.left)}", f"B  {_what(found.right)}"]
    for remark in (*found.left.remarks, *found.right.remarks):
        lines += ["", *_wrapped(remark, "", "")]
    lines += ["", _headline(train, [*rest, *alone])]
    lines += _grouped(train)
    if found.effects:
        lines += ["", "what follows", *_told(map(_effect, found.effects))]
    for title, some, shown in (
        ("the same training, but", rest, True),
        (f"{ALONE}, for the same training", alone, True),
        ("paths, accounts and logging", found.site, whole),
        ("keys that their own tool does not read", found.dead, whole),
    ):
        if some and shown:
            lines += ["", title, *_told((_name(it), _change(it)) for it in some)]
        elif some:
            lines += ["", f"{title}: {len(some)} (--all lists them)"]
    return "\n".join(lines)


def _what(side: Side) -> str:
    tool = f" of {TOOLS[side.tool]} {side.version}" if side.tool else ""
    if side.tool and side.what in ("recipe", "plan"):
        tool = f", for {TOOLS[side.tool]} {side.version}"
    kind = {"build": "build folder", "run": "run folder"}.get(side.what, side.what)
    return f"{side.name} ({kind}{tool})"


def _headline(train: list[Difference], rest: list[Difference]) -> str:
    if train:
        return f"They train otherwise: {_counted(train)}."
    return "They train the same model." if rest else "They say the same."


def _counted(some: list[Difference]) -> str:
    return f"{len(some)} difference{'s' if len(some) > 1 else ''}"


def _grouped(some: list[Difference]) -> Iterator[str]:
    for group, inner in groupby(some, key=lambda it: it.group):
        yield ""
        yield group
        yield from _told((_name(it), _change(it)) for it in inner)


def _told(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Names and changes in two columns; long ones below their name."""
    both = list(pairs)
    width = min(26, max((len(name) for name, _ in both), default=0))
    for name, change in both:
        start = f"  {name.ljust(width)}  "
        if len(name) > width or len(start) + len(change) > WIDTH:
            yield from _wrapped(name, "  ", "    ")
            yield from _wrapped(change, "      ", "      ")
        else:
            yield start + change


def _wrapped(line: str, first: str, later: str) -> list[str]:
    return textwrap.wrap(
        line, WIDTH, initial_indent=first, subsequent_indent=later, break_on_hyphens=False
    )


def _name(it: Difference) -> str:
    plain = it.group == ALONE and not it.name.startswith("data.")
    return it.name if plain else subjects.words(it.name)


def _change(it: Difference) -> str:
    values: tuple[Any, ...] = (it.left, it.right)
    if it.name == "data.template":
        values = tuple("the model's own" if value == OWN else value for value in values)
    if it.name in _LISTS and not any(isinstance(value, str) or value is None for value in values):
        values = (len(it.left), len(it.right))
    left, right = _value(values[0], it.left_default), _value(values[1], it.right_default)
    notes = [part for part in (_more(it), it.note) if part]
    return f"{left} -> {right}" + "".join(f"; {part}" for part in notes)


def _value(it: Any, default: bool) -> str:
    if it is None:
        return "not set"
    shown = ", ".join(map(str, it)) if isinstance(it, (list, tuple)) else value(it)
    return (shown or '""') + (" (default)" if default else "")


def _more(it: Difference) -> str:
    """By how much, or which names."""
    if it.name in _LISTS and it.left is not None and it.right is not None:
        gone, new = (
            sorted(set(one) - set(two)) for one, two in ((it.left, it.right), (it.right, it.left))
        )
        told = [
            f"{len(some)} {word}: {', '.join(some)}"
            for some, word in ((new, "more"), (gone, "fewer"))
            if some
        ]
        return "; ".join(told)
    if it.name in _FACTORS and it.left and it.right and it.left != it.right:
        return _times(it.right / it.left)
    return ""


def _effect(it: Effect) -> tuple[str, str]:
    ratio = it.ratio
    times = f"; {_times(ratio)}" if ratio else ""
    return it.name, f"{_number(it.left)} -> {_number(it.right)}{times}"


def _times(ratio: float) -> str:
    return f"x{ratio:.3g}"


def _number(it: float | None) -> str:
    if it is None:
        return "not known"
    return f"{it:,.0f}" if float(it).is_integer() else f"{it:.4g}"
