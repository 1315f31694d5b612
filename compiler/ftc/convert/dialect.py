"""Concepts as a native config of either tool; what reads such a config stands in `heard`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ftc.backends import fields, schemas
from ftc.backends.base import Key
from ftc.backends.fields import Field
from ftc.convert import neutral
from ftc.convert.heard import defaults, implied, read, refused, unmet
from ftc.convert.meaning import Note, Writing, leaves, top
from ftc.convert.tables import HARMLESS, LEFT_OUT, UNREADABLE, above, drop, has, keys_of, place, put

__all__ = ["HARMLESS", "defaults", "implied", "place", "read", "refused", "unread", "write"]

PLUGINS = {
    "LigerPlugin": "axolotl.integrations.liger.LigerPlugin",
    "CutCrossEntropyPlugin": "axolotl.integrations.cut_cross_entropy.CutCrossEntropyPlugin",
}


def write(backend: str, version: str, values: Mapping[str, Any]) -> Writing:
    """The config that says all of these concepts, as far as the tool has keys for them.

    What it would read back in another sense is not written, but lost.
    """
    made = Writing()
    for key in keys_of(backend):
        if key.settings and all(name in values for name in key.settings):
            _write_key(key, version, values, made)
    for path, field in fields.table(backend).items():
        plain = "[" not in path and not path.endswith("*") and not field.old
        wanted = field.concept in values and field.concept not in made.held
        if plain and wanted and has(field, version):
            _write_field(path, field, values, made)
    for name, (other, share) in SHARES.items():
        if name in values and name not in made.held and other not in made.held:
            _write_share(backend, version, name, {**values, other: share(values)}, made)
    _plug_in(backend, version, made)
    _read_back(backend, values, made)
    _accepted(backend, version, made)
    return made


def unread(backend: str, made: Writing) -> None:
    """Take out of a whole config what the tool would not read beside the rest of it."""
    for path, value in list(leaves(made.native)):
        field = fields.find(backend, path)
        why = next((it for above in above(path) if (it := unmet(backend, made.native, above))), "")
        if not why or field is None or field.data:
            continue
        drop(made.native, path)
        for name in [name for name, paths in made.held.items() if path in paths]:
            left = tuple(it for it in made.held[name] if it != path)
            if left or value in LEFT_OUT:
                made.held[name] = left
            else:
                del made.held[name]
                training = field.training if field.concept else name not in HARMLESS
                made.lost[name] = Note("untranslatable", f"{path}: {why}", training)


def _plug_in(backend: str, version: str, made: Writing) -> None:
    """Name the plugins that keys belong to which were written."""
    for _, message, _ in schemas.problems(backend, version, made.native):
        name = message.rpartition(" ")[2]
        if message.startswith(schemas.UNKNOWN) and name in PLUGINS:
            named = made.native.setdefault("plugins", [])
            named.extend([PLUGINS[name]] if PLUGINS[name] not in named else [])


def _per_epoch(name: str) -> Callable[[Mapping[str, Any]], float | None]:
    def share(values: Mapping[str, Any]) -> float | None:
        """So many times an epoch as a share of all steps; None where epochs are not known."""
        if not isinstance(values[name], (int, float)) or "max_steps" in values:
            return None
        whole = values[name] * values.get("epochs", 0)
        return round(1 / whole, 6) if whole > 1 else None

    return share


# Concepts that a tool without a key for them says by another one, as a share of all steps.
SHARES = {
    "evals_per_epoch": ("eval_steps", _per_epoch("evals_per_epoch")),
    "saves_per_epoch": ("save_steps", _per_epoch("saves_per_epoch")),
}
ROUNDED = "a share of all steps, which is rounded to whole ones"


def _write_key(key: Key, version: str, values: Mapping[str, Any], made: Writing) -> None:
    try:
        wrote = key.write(neutral.plan(values), version)
    except UNREADABLE:
        for name in key.settings:
            made.lost[name] = _no_value(name, values[name])
        return
    if wrote or all(values[name] in LEFT_OUT for name in key.settings):
        made.native |= wrote
        for name in key.settings:
            made.held[name] = tuple(dict.fromkeys((*made.held.get(name, ()), *wrote)))


def _no_value(name: str, value: Any) -> Note:
    return Note("untranslatable", f"it has no {name} {value!r}", name not in HARMLESS)


def _read_back(backend: str, values: Mapping[str, Any], made: Writing) -> None:
    """Take out again what would be read in another sense, now that all keys are there."""
    for key in keys_of(backend):
        wrote = [name for name in key.natives if name in made.native]
        if not key.settings or not wrote:
            continue
        try:
            back = key.read(made.native)
        except UNREADABLE:
            back = dict.fromkeys(key.settings)
        held = [name for name in key.settings if name in back and name in values]
        other = [name for name in held if back[name] != values[name]]
        for name in other:
            made.lost[name] = _no_value(name, values[name])
            made.held.pop(name, None)
        if other:
            for name in wrote:
                del made.native[name]


def _write_share(
    backend: str, version: str, name: str, values: Mapping[str, Any], made: Writing
) -> None:
    other, _ = SHARES[name]
    if values[other] is None:
        return
    for key in keys_of(backend):
        if key.settings == (other,):
            _write_key(key, version, values, made)
    made.held[name] = made.held.pop(other, ())
    made.lost[name] = Note("approximate", ROUNDED)


def _write_field(path: str, field: Field, values: Mapping[str, Any], made: Writing) -> None:
    assert field.concept is not None
    value = values[field.concept]
    back = {json.dumps(said): word for word, said in field.words.items()}
    word = back.get(json.dumps(value))
    if word is None and field.closed:
        return
    value = value if word is None else _unword(word)
    if field.inverted and isinstance(value, bool):
        value = not value
    if field.joined and isinstance(value, list):
        value = ",".join(map(str, value))
    put(made.native, path, value)
    made.held[field.concept] = (path,)
    if field.near:
        made.lost[field.concept] = Note("approximate", field.near)


def _unword(word: str) -> Any:
    try:
        return json.loads(word)
    except ValueError:
        return word


def _accepted(backend: str, version: str, made: Writing) -> None:
    """Take out of the config what this version of the tool would refuse."""
    for path, message, _ in schemas.problems(backend, version, made.native):
        name = top(path)
        for concept, paths in made.held.items():
            if any(top(held) == name for held in paths):
                made.lost[concept] = Note("untranslatable", f"{path}: {message}", training=True)
        made.native.pop(name, None)
