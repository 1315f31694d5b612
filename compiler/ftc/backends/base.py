"""The key table that every backend is made of: one line a setting, written and read by it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ftc.diagnostics import Finding, Severity
from ftc.plan import PATHS, Plan

Native = Mapping[str, Any]  # a backend's own config: plain YAML or JSON values
When = Callable[[Plan, str], bool]
PREFERENCE = ("dpo", "kto", "orpo")
_MISSING: Any = object()


class Key(NamedTuple):
    """Native keys and the plan settings that they hold, with the way in both directions.

    `write(plan, version)` gives the native keys, none where the plan does not need them;
    `read(native)` the settings, without those that the config does not tell. `why` says what a
    reader of the config should know: for a constant, the reason that it is written at all, with
    `constant` as its value.
    """

    natives: tuple[str, ...]
    settings: tuple[str, ...]
    write: Callable[[Plan, str], dict[str, Any]]
    read: Callable[[Native], dict[str, Any]]
    why: str = ""
    constant: Any = None


class Limit(NamedTuple):
    """What a backend cannot express, or does differently; `applies` says when that matters."""

    setting: str
    severity: Severity
    applies: When
    message: str
    remedy: str = ""


def always(plan: Plan, version: str) -> bool:
    return True


def adapted(plan: Plan, version: str) -> bool:
    """The plan trains an adapter, not the whole model."""
    return plan.method != "full"


def at_least(version: str, floor: str) -> bool:
    """`0.21.0` is at least `0.20`; versions are dotted numbers."""
    return _numbers(version) >= _numbers(floor)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def same(
    native: str, setting: str, *, when: When = always, absent: Any = _MISSING, why: str = ""
) -> Key:
    """A native key that holds a plan setting as it is; `absent` is the setting without the key."""
    return mapped(native, setting, _itself, _itself, when=when, absent=absent, why=why)


def mapped(
    native: str,
    setting: str,
    into: Callable[[Any], Any],
    back: Callable[[Any], Any],
    *,
    when: When = always,
    absent: Any = _MISSING,
    why: str = "",
) -> Key:
    """A native key that holds one plan setting in other words."""

    def write(plan: Plan, version: str) -> dict[str, Any]:
        return {native: into(getattr(plan, setting))} if when(plan, version) else {}

    def read(config: Native) -> dict[str, Any]:
        if config.get(native) is not None:
            return {setting: back(config[native])}
        return {} if absent is _MISSING else {setting: absent}

    return Key((native,), (setting,), write, read, why)


def optional(native: str, setting: str, *, when: When = always, why: str = "") -> Key:
    """A native key that is written only when the plan's setting is not None."""

    def given(plan: Plan, version: str) -> bool:
        return getattr(plan, setting) is not None and when(plan, version)

    return same(native, setting, when=given, absent=None, why=why)


def words(native: str, setting: str, table: Mapping[Any, Any], *, why: str = "") -> Key:
    """A native key whose words stand in a one-to-one table: plan word -> native word."""
    back = {value: key for key, value in table.items()}
    return mapped(native, setting, lambda w: table[w], lambda w: back.get(w, w), why=why)


def fixed(native: str, value: Any, why: str, *, when: When = always) -> Key:
    """A native key that is the same in every plan, and why it is not left to the default."""

    def write(plan: Plan, version: str) -> dict[str, Any]:
        return {native: value} if when(plan, version) else {}

    return Key((native,), (), write, lambda config: {}, why, value)


def _itself(value: Any) -> Any:
    return value


def write_all(keys: Iterable[Key], plan: Plan, version: str) -> dict[str, Any]:
    """The whole native config of a plan, in the order of the table."""
    config: dict[str, Any] = {}
    for key in keys:
        config |= key.write(plan, version)
    return config


def read_all(keys: Iterable[Key], config: Native) -> dict[str, Any]:
    """The plan settings that a native config tells."""
    settings: dict[str, Any] = {}
    for key in keys:
        settings |= key.read(config)
    return settings


def covered(keys: Iterable[Key]) -> set[str]:
    """The plan settings that a table holds."""
    return {setting for key in keys for setting in key.settings}


def origins(keys: Iterable[Key], plan: Plan, version: str) -> dict[str, str]:
    """Native key -> where its value comes from, in one line."""
    texts: dict[str, str] = {}
    for key in keys:
        for native in key.write(plan, version):
            texts[native] = "; ".join(_said(key, plan))
    return texts


def _said(key: Key, plan: Plan) -> Iterator[str]:
    for setting in key.settings:
        if setting in plan.origins:
            yield " ".join(plan.origins[setting].text.split())
    if key.why:
        yield key.why


def findings(name: str, limits: Sequence[Limit], plan: Plan, version: str) -> list[Finding]:
    """What a backend says about a plan that it cannot carry out to the letter."""
    return [
        Finding(
            rule="unsupported",
            severity=limit.severity,
            where=PATHS.get(limit.setting, limit.setting),
            message=f"{name} {version}: {limit.message}",
            remedy=limit.remedy,
        )
        for limit in limits
        if limit.applies(plan, version)
    ]


def overridden(
    name: str, config: Native, overrides: Native
) -> tuple[dict[str, Any], list[Finding]]:
    """The config with the recipe's native keys on top, and one finding for each of them.

    Tables are merged key by key; every other value replaces what ftc would have written.
    """
    merged, found = dict(config), []
    for path, value in _leaves(overrides):
        known, before = _look(config, path)
        _put(merged, path, value)
        dotted = ".".join(path)
        instead = f"ftc would have written {before!r}" if known else "ftc writes no such key"
        found.append(
            Finding(
                rule="native-override",
                severity="warning",
                where=f"backend.{name}.{dotted}",
                message=f"{dotted} is {value!r} because the recipe says so; {instead}",
                remedy="set it in ftc's own words where there are some, so that both tools get it",
            )
        )
    return merged, found


def _leaves(table: Native, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _look(config: Native, path: tuple[str, ...]) -> tuple[bool, Any]:
    value: Any = config
    for part in path:
        if not isinstance(value, Mapping) or part not in value:
            return False, None
        value = value[part]
    return True, value


def _put(config: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        inner = config.get(part)
        config[part] = dict(inner) if isinstance(inner, Mapping) else {}
        config = config[part]
    config[path[-1]] = value


def whole(value: float | None) -> float | int | None:
    """An integer where the number is one: some native keys accept nothing else."""
    return int(value) if value is not None and float(value).is_integer() else value
