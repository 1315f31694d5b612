"""One difference between two sides, and when two values are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isclose
from typing import Any

from ftc.convert import subjects

_OTHER = {"left": "right", "right": "left", "": ""}


@dataclass(frozen=True)
class Difference:
    """Values of one concept, or of one key; None where it is not set. `only` is the side whose tool
    knows it, where the other's does not. `training`: other weights come out."""

    name: str
    left: Any
    right: Any
    group: str
    training: bool
    left_default: bool = False
    right_default: bool = False
    only: str = ""
    note: str = ""

    def mirrored(self) -> Difference:
        """The same, seen from the other side."""
        return replace(
            self,
            left=self.right,
            right=self.left,
            left_default=self.right_default,
            right_default=self.left_default,
            only=_OTHER[self.only],
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return vars(self) | {"left": _plain(self.left), "right": _plain(self.right)}


def of(name: str, left: Any, right: Any, *, note: str = "") -> Difference:
    """The difference of a concept; whose default a value is remains to be said."""
    return Difference(name, left, right, subjects.group(name), subjects.training(name), note=note)


def alike(one: Any, two: Any) -> bool:
    """Whether two values mean the same: 1 and 1.0, a list in another order."""
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    if isinstance(one, (int, float)) and isinstance(two, (int, float)):
        return isclose(one, two, rel_tol=1e-9)
    if isinstance(one, (list, tuple)) and isinstance(two, (list, tuple)):
        return sorted(map(str, one)) == sorted(map(str, two))
    return bool(one == two)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(it) for name, it in value.items()}
    return list(value) if isinstance(value, (tuple, set, frozenset)) else value
