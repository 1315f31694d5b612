"""A native config of either tool as concepts: what it says, and what it leaves to its tool."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from ftc.backends import fields, schemas
from ftc.backends.base import Key
from ftc.backends.fields import ANY, OTHER, UNSET, Field
from ftc.convert import neutral
from ftc.convert.meaning import Native, Note, Reading, leaves
from ftc.convert.tables import UNREADABLE, above, below, drop, has, keys_of, look, put

EMPTY = "it is empty: the same as left out"
DEFAULT = "it says what both tools do where nothing is said"
IGNORED = {
    "axolotl": "Axolotl ignores it without a word",
    "llamafactory": "LLaMA-Factory does not start with it",
}


def read(backend: str, version: str, config: Native) -> Reading:
    """What a config says in its key table and in the fields beside it; rows are read elsewhere.

    Each key that is set is either heard or settled, those of rows apart.
    """
    alive, settled = _alive(backend, version, config)
    found = Reading(settled=settled)
    found.add(_understood(backend, version, alive, found))
    return found


def implied(backend: str, version: str, config: Native) -> dict[str, Any]:
    """The concepts that the config leaves to the tool, with what the tool takes."""
    alive, _ = _alive(backend, version, config)
    told = _understood(backend, version, alive, Reading()).values
    full = dict(alive)
    for path, field in fields.table(backend).items():
        free = alive.get(path) is None and "." not in path and "[" not in path
        if field.default is not None and free and has(field, version):
            full[path] = field.default
    for path in [path for path in full if alive.get(path) is None]:
        if unmet(backend, full, path):
            del full[path]
    found = _understood(backend, version, full, Reading()).values
    return {name: value for name, value in found.items() if name not in told}


@cache
def defaults(backend: str, version: str) -> Mapping[str, Any]:
    """What a tool takes for each concept where a config says nothing at all."""
    return implied(backend, version, {})


def _alive(backend: str, version: str, config: Native) -> tuple[dict[str, Any], dict[str, Note]]:
    """The keys that the tool reads, and what there is to say of the others."""
    alive, settled = dict(config), {}
    unknown = _unknown(backend, version, config)
    for path, value in leaves(config):
        if value is None and (field := fields.find(backend, path)) and field.null is not None:
            put(alive, path, field.null)
            continue
        note = _dead(backend, config, path, value, unknown)
        if note:
            settled[path] = note
            drop(alive, path)
    return alive, settled


def _understood(backend: str, version: str, alive: Native, before: Reading) -> Reading:
    found = _by_keys(backend, version, alive)
    found.settled |= before.settled
    found.add(_by_fields(backend, alive, found))
    return found


def _dead(
    backend: str, config: Native, path: str, value: Any, unknown: Mapping[str, str]
) -> Note | None:
    """Why the tool does not read a key that is set; None where it does."""
    if value is None:
        return Note("ignored", EMPTY)
    for name in above(path):
        if why := unknown.get(name, "") or unmet(backend, config, name):
            return Note("ignored", why)
    return None


def _unknown(backend: str, version: str, config: Native) -> dict[str, str]:
    """The keys that the tool does not have, and what to say of each."""
    found: dict[str, str] = {}
    for path, message, meant in schemas.problems(backend, version, config):
        if message.startswith(schemas.UNKNOWN):
            said = f"it {message.replace('this version', version)}: {IGNORED[backend]}"
            found[path] = f"{said}; did you mean {meant}?" if meant else said
    return found


def unmet(backend: str, config: Native, path: str) -> str:
    """What a key would need to be read; "" where it has all of it."""
    field = fields.find(backend, path)
    for needed, wanted in (field.needs if field else {}).items():
        names = needed.split("|")
        if not any(_met(_taken(backend, config, name, wanted), wanted) for name in names):
            return f"it is read only with {' or '.join(names)}{_wanted(wanted)}"
    return ""


def _taken(backend: str, config: Native, path: str, wanted: Any) -> Any:
    """What the tool takes for a key, its default where it is left out."""
    found = look(config, path)
    if found is None and wanted != UNSET and (field := fields.find(backend, path)):
        return field.default
    return found


def _met(found: Any, wanted: Any) -> bool:
    if wanted == ANY:
        return bool(found)
    if wanted == UNSET:
        return found is None
    if wanted is False:
        return not found
    if isinstance(wanted, str) and wanted.startswith(OTHER):
        return bool(found != wanted.removeprefix(OTHER))
    options = wanted if isinstance(wanted, list) else [wanted]
    if isinstance(found, list):  # such as plugins, by the end of their name
        return any(str(item).endswith(str(option)) for item in found for option in options)
    return found in options


def _wanted(wanted: Any) -> str:
    if wanted == ANY:
        return ""
    if wanted == UNSET:
        return " left out"
    if isinstance(wanted, str) and wanted.startswith(OTHER):
        return f" other than {wanted.removeprefix(OTHER)}"
    options = wanted if isinstance(wanted, list) else [wanted]
    return ": " + " or ".join(json.dumps(option) for option in options)


def _by_keys(backend: str, version: str, config: Native) -> Reading:
    found = Reading()
    heard: list[tuple[Key, list[str], dict[str, Any]]] = []
    for key in keys_of(backend):
        set_ = [name for name in key.natives if config.get(name) is not None]
        if not key.settings or not set_:
            continue
        try:
            values = key.read(config)
        except UNREADABLE as error:
            found.settled |= {path: refused(error) for path in below(config, set_)}
            continue
        values = {name: value for name, value in values.items() if value is not None}
        if values:
            found.values |= values
            heard.append((key, set_, values))
    plan = neutral.plan(found.values)
    for key, set_, values in heard:
        again = dict(leaves(key.write(plan, version)))
        for path, value in leaves({name: config[name] for name in set_}):
            if path in again and again[path] != value and _told(backend, path):
                continue
            if path in again or "." not in path:
                found.heard[path] = (*found.heard.get(path, ()), *values)
    return found


def _told(backend: str, path: str) -> bool:
    """Whether the fields say what other values of the key mean than the ones that ftc writes."""
    field = fields.find(backend, path)
    return field is not None and field.kind is not None


def refused(error: Exception) -> Note:
    """What there is to say of a key whose value its reader does not take."""
    return Note("untranslatable", f"its value cannot be read: {error}", training=True)


def _by_fields(backend: str, config: Native, before: Reading) -> Reading:
    found = Reading()
    for path, value in leaves(config):
        if path in before.heard or path in before.settled:
            continue
        field = fields.find(backend, path)
        if field is None:
            why = "ftc does not know what it would be elsewhere"
            found.settled[path] = Note("untranslatable", why, training=True)
        elif field.concept is not None:
            found.values[field.concept] = _heard(field, value)
            found.heard[path] = (field.concept,)
        elif field.kind is not None:
            found.settled[path] = _settled(field, value)
        elif not field.data:
            why = field.why or "only other values of it have a counterpart"
            found.settled[path] = Note("untranslatable", why, training=True)
    return found


def _settled(field: Field, value: Any) -> Note:
    assert field.kind is not None
    if field.kind == "untranslatable" and field.default is not None and value == field.default:
        return Note("converted", DEFAULT)
    training = field.training
    if field.harmless and isinstance(value, list):
        training = not all(str(item).endswith(tuple(field.harmless)) for item in value)
    return Note(field.kind, field.why or "", training)


def _heard(field: Field, value: Any) -> Any:
    if field.joined and isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if field.inverted and isinstance(value, bool):
        return not value
    return field.words.get(_word(value), value)


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
