"""A setting of a backend's config that a comparison on a CPU changes, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftc.parity.records import LEVELS, Level

# What stands for a value that is known only when a build is pinned; each a path, as text.
SHADOW, ADAPTER = "<shadow>", "<adapter>"


@dataclass(frozen=True)
class Override:
    """`key` gets `value`, or is left out where the value is None.

    With `present`, a config without the key stays without it; with `where`, only a config that it
    says yes to is changed. A value SHADOW is the folder of the shadow model, ADAPTER that of the
    adapter that both tools start from, and left out without one.
    """

    key: str
    value: Any
    reason: str
    levels: tuple[Level, ...] = LEVELS
    present: bool = False
    where: Callable[[Mapping[str, Any]], bool] = lambda config: True

    def concerns(self, config: Mapping[str, Any], level: Level) -> bool:
        """Whether a config is changed by it at a level."""
        absent = self.present and self.key not in config
        return level in self.levels and not absent and self.where(config)


def applied(
    config: Mapping[str, Any],
    overrides: Sequence[Override],
    *,
    level: Level,
    shadow: Path,
    adapter: Path | None,
) -> dict[str, Any]:
    """The config with the overrides of one level on top."""
    known = {SHADOW: str(shadow), ADAPTER: str(adapter) if adapter else None}
    result = dict(config)
    for one in overrides:
        if not one.concerns(config, level):
            continue
        value = known.get(one.value, one.value) if isinstance(one.value, str) else one.value
        if value is None:
            result.pop(one.key, None)
        else:
            result[one.key] = value
    return result


def changes(
    config: Mapping[str, Any], overrides: Sequence[Override], level: Level
) -> list[tuple[str, str]]:
    """(key, reason) of what an override changes in a config; for the report."""
    return [
        (one.key, one.reason)
        for one in overrides
        if one.concerns(config, level)
        and (one.key in config or one.value is not None)
        and config.get(one.key) != one.value
    ]
