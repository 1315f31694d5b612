"""A native config as concepts, and concepts as a native config of either tool."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from ftc import backends
from ftc.backends import fields, schemas
from ftc.backends.base import Key, at_least
from ftc.backends.fields import ANY, OTHER, UNSET, Field
from ftc.convert import neutral
from ftc.convert.meaning import Native, Note, Reading, Writing, leaves, top

EMPTY = "it is empty: the same as left out"
DEFAULT = "it says what both tools do where nothing is said"
IGNORED = {
    "axolotl": "Axolotl ignores it without a word",
    "llamafactory": "LLaMA-Factory does not start with it",
}
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
PLUGINS = {
    "LigerPlugin": "axolotl.integrations.liger.LigerPlugin",
    "CutCrossEntropyPlugin": "axolotl.integrations.cut_cross_entropy.CutCrossEntropyPlugin",
}
# Values that a tool means where it writes no key.
LEFT_OUT: tuple[Any, ...] = (False, None, 0, "", (), [])


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
        if field.default is not None and free and _of(field, version):
            full[path] = field.default
    for path in [path for path in full if alive.get(path) is None]:
        if _unmet(backend, full, path):
            del full[path]
    found = _understood(backend, version, full, Reading()).values
    return {name: value for name, value in found.items() if name not in told}


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
            _drop(alive, path)
    return alive, settled


def _understood(backend: str, version: str, alive: Native, before: Reading) -> Reading:
    found = _by_keys(backend, version, alive)
    found.settled |= before.settled
    found.add(_by_fields(backend, alive, found))
    return found


@cache
def defaults(backend: str, version: str) -> Mapping[str, Any]:
    """What a tool takes for each concept where a config says nothing at all."""
    return implied(backend, version, {})


def write(backend: str, version: str, values: Mapping[str, Any]) -> Writing:
    """The config that says all of these concepts, as far as the tool has keys for them.

    What it would read back in another sense is not written, but lost.
    """
    made = Writing()
    for key in _keys(backend):
        if key.settings and all(name in values for name in key.settings):
            _write_key(key, version, values, made)
    for path, field in fields.table(backend).items():
        plain = "[" not in path and not path.endswith("*") and not field.old
        wanted = field.concept in values and field.concept not in made.held
        if plain and wanted and _of(field, version):
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
        why = next(
            (it for above in _above(path) if (it := _unmet(backend, made.native, above))), ""
        )
        if not why or field is None or field.data:
            continue
        _drop(made.native, path)
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


@cache
def place(backend: str, version: str, concept: str) -> str | None:
    """The key of a tool that holds a concept; None where it has none."""
    for key in _keys(backend):
        if concept in key.settings and key.natives:
            return key.natives[0]
    for path, field in fields.table(backend).items():
        if field.concept == concept and _of(field, version):
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
    """The value of a key by its path of names; None where it is not set."""
    for part in path.split("."):
        config = config.get(part) if isinstance(config, Mapping) else None
    return config


# ------------------------------------------------------------------------------------- reading


def _dead(
    backend: str, config: Native, path: str, value: Any, unknown: Mapping[str, str]
) -> Note | None:
    """Why the tool does not read a key that is set; None where it does."""
    if value is None:
        return Note("ignored", EMPTY)
    for above in _above(path):
        if why := unknown.get(above, "") or _unmet(backend, config, above):
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


def _unmet(backend: str, config: Native, path: str) -> str:
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
    for key in _keys(backend):
        set_ = [name for name in key.natives if config.get(name) is not None]
        if not key.settings or not set_:
            continue
        try:
            values = key.read(config)
        except UNREADABLE as error:
            found.settled |= {path: refused(error) for path in _below(config, set_)}
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


# ------------------------------------------------------------------------------------- writing


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
    for key in _keys(backend):
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
    for key in _keys(backend):
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


# ------------------------------------------------------------------------------------- tables


@cache
def _keys(backend: str) -> tuple[Key, ...]:
    """The lines of the key table that are no matter of rows."""
    return tuple(
        key
        for key in backends.get(backend).KEYS
        if not any((it := fields.find(backend, name)) and it.data for name in key.natives)
    )


def _of(field: Field, version: str) -> bool:
    """Whether this version has the key."""
    if field.since is not None and not at_least(version, field.since):
        return False
    return field.until is None or at_least(field.until, version)


def _above(path: str) -> Iterator[str]:
    """A path and the tables that it stands in."""
    for end in (*(match.start() for match in re.finditer(r"[.\[]", path)), len(path)):
        yield path[:end]


def _below(config: Native, names: Iterable[str]) -> list[str]:
    return [path for path, _ in leaves({name: config[name] for name in names})]


def _drop(config: dict[str, Any], path: str) -> None:
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
