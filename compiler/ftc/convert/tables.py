"""What both directions look at: key tables, paths of keys, settings that change no weight."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from ftc import backends
from ftc.backends import fields
from ftc.backends.base import Key, at_least
from ftc.backends.fields import Field
from ftc.convert.meaning import Native, leaves

# Settings of the plan that change no weight: speed, memory, what is looked at meanwhile.
HARMLESS = frozenset(
    (
        "attention",
        "gradient_checkpointing",
        "liger_kernel",
        "zero_stage",
        "offload_optimizer",
        "eval_steps",
        "eval_batch",
        "save_steps",
        "save_total_limit",
        "logging_steps",
        "device",
    )
)
# What a reader raises on a value that its tool would refuse, too.
UNREADABLE = (TypeError, ValueError, KeyError, AttributeError)
# Values that a tool means where it writes no key.
LEFT_OUT: tuple[Any, ...] = (False, None, 0, "", (), [])


@cache
def keys_of(backend: str) -> tuple[Key, ...]:
    """The lines of the key table that are no matter of rows."""
    return tuple(
        key
        for key in backends.get(backend).KEYS
        if not any((it := fields.find(backend, name)) and it.data for name in key.natives)
    )


def has(field: Field, version: str) -> bool:
    """Whether this version has the key."""
    if field.since is not None and not at_least(version, field.since):
        return False
    return field.until is None or at_least(field.until, version)


@cache
def place(backend: str, version: str, concept: str) -> str | None:
    """The key of a tool that holds a concept; None where it has none."""
    for key in keys_of(backend):
        if concept in key.settings and key.natives:
            return key.natives[0]
    for path, field in fields.table(backend).items():
        if field.concept == concept and has(field, version):
            return path
    return None


def put(config: dict[str, Any], path: str, value: Any) -> None:
    """Set a key by its path of names."""
    *above, name = path.split(".")
    for part in above:
        inner = config.get(part)
        config[part] = dict(inner) if isinstance(inner, Mapping) else {}
        config = config[part]
    config[name] = value


def look(config: Any, path: str) -> Any:
    """The value of a key by its path; None where it is not set."""
    for name, number in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        if number:
            items = config if isinstance(config, list) else []
            config = items[int(number)] if int(number) < len(items) else None
        else:
            config = config.get(name) if isinstance(config, Mapping) else None
    return config


def above(path: str) -> Iterator[str]:
    """A path and the tables that it stands in."""
    for end in (*(match.start() for match in re.finditer(r"[.\[]", path)), len(path)):
        yield path[:end]


def below(config: Native, names: Iterable[str]) -> list[str]:
    return [path for path, _ in leaves({name: config[name] for name in names})]


def drop(config: dict[str, Any], path: str) -> None:
    """Take a key out by its path; those of tables in lists stay, their readers skip them."""
    if "[" in path:
        return
    *above, name = [path] if path in config else path.split(".")
    for part in above:
        if not isinstance(config.get(part), Mapping):
            return  # a name with a dot in it
        config[part] = dict(config[part])
        config = config[part]
    config.pop(name, None)
