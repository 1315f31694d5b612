"""Checks native keys against the shipped schema of a backend version; needs no backend installed.

The files in `schemas/` are made by `tools/snapshot_schemas.py`. Axolotl ignores a key that it does
not know without a word, at every depth, so its schema says nothing of further keys: here they are
problems wherever the schema names the keys.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ftc.diagnostics import nearest
from ftc.errors import FtcError

# Any: JSON schemas and native configs are foreign data of every shape.
Shape = Mapping[str, Any]
Problem = tuple[str, str, str]

FOLDER = Path(__file__).with_name("schemas")
UNKNOWN = "is no key of this version"
MOST_VALUES = 12
OWN_PLUGINS = ("FtcPlugin",)
_NAMES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "a table",
    "string": "text",
}

_NUMBERS = {"a whole number": int, "a number": float}
_LIMITS = {
    "minimum": ">=",
    "exclusiveMinimum": ">",
    "maximum": "<=",
    "exclusiveMaximum": "<",
    "pattern": "matching",
    "minItems": "with at least",
    "maxItems": "with at most",
}


def fields(backend: str, version: str) -> dict[str, dict[str, Any]]:
    """Top-level key -> its JSON schema (type, default, description). FtcError: unknown version.

    `choices` is added where training accepts less than the schema says.
    """
    whole = _load(backend, version)
    choices = whole.get("x-choices", {})
    return {
        key: dict(shape) | ({"choices": choices[key]} if key in choices else {})
        for key, shape in whole["properties"].items()
    }


def problems(backend: str, version: str, native: Mapping[str, Any]) -> list[Problem]:
    """What the backend would not know or not take: (path, message, nearest known name or "").

    `native` may be a part of a config: a missing key is no problem at the top. FtcError on an
    unknown version.
    """
    schema = _merged(_load(backend, version), native)
    types = _types(schema, native, lax=backend == "axolotl")
    result = [*_unknown(schema, native), *_choices(schema, native), *types]
    return sorted(dict.fromkeys(result))


@cache
def _load(backend: str, version: str) -> Shape:
    path = FOLDER / f"{backend}-{version}.json"
    try:
        content: Shape = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = ", ".join(sorted(found.stem for found in FOLDER.glob("*.json")))
        raise FtcError(f"no schema of {backend} {version}", hint=f"known: {known}") from error
    return content


def _merged(schema: Shape, native: Mapping[str, Any]) -> Shape:
    """The schema with the keys of the plugins that the config names.

    `x-open` says that a plugin brings keys that are not known, so any key may be one of them.
    """
    named = native.get("plugins")
    several = named if isinstance(named, list) else []
    names = [str(each).replace(":", ".").rpartition(".")[2] for each in several]
    brought = schema.get("x-plugins", {})
    result = {**schema, "properties": dict(schema["properties"]), "$defs": {}}
    result["$defs"] |= schema.get("$defs", {})
    for name in names:
        if name in OWN_PLUGINS:
            continue
        if brought.get(name) is None:
            result["x-open"] = True
            continue
        result["properties"] |= brought[name]["properties"]
        result["$defs"] |= brought[name].get("$defs", {})
    return result


def _alternatives(root: Shape, shape: Shape) -> Iterator[Shape]:
    """The plain schemas that a value may follow, with references and unions undone."""
    if "$ref" in shape:
        yield from _alternatives(root, root["$defs"][shape["$ref"].rpartition("/")[2]])
        return
    unions = [part for word in ("anyOf", "oneOf", "allOf") for part in shape.get(word, [])]
    for part in unions:
        yield from _alternatives(root, part)
    if not unions:
        yield shape


def _unknown(root: Shape, native: Mapping[str, Any]) -> Iterator[Problem]:
    known = root["properties"]
    for key, value in native.items():
        if key in known:
            yield from _below(root, [known[key]], value, key)
        elif owners := _owners(root, key):
            yield key, f"{UNKNOWN} unless `plugins` names {owners[0]}", ""
        elif not root.get("x-open"):
            yield _no_key(key, key, known)


def _owners(root: Shape, key: str) -> list[str]:
    plugins = root.get("x-plugins", {}).items()
    return [name for name, part in plugins if part and key in part["properties"]]


def _no_key(path: str, key: str, known: Mapping[str, Any]) -> Problem:
    return path, UNKNOWN, nearest(str(key), known)


def _below(root: Shape, shapes: Sequence[Shape], value: Any, path: str) -> Iterator[Problem]:
    """Unknown keys inside a value that may follow any of `shapes`."""
    plain = [each for shape in shapes for each in _alternatives(root, shape)]
    if isinstance(value, list):
        items = [each["items"] for each in plain if "items" in each]
        for at, item in enumerate(value):
            yield from _below(root, items, item, f"{path}[{at}]")
    elif isinstance(value, Mapping):
        yield from _table(root, [each for each in plain if _is_table(each)], value, path)


def _is_table(shape: Shape) -> bool:
    return not shape or shape.get("type") == "object" or "properties" in shape


def _table(
    root: Shape, tables: Sequence[Shape], value: Mapping[str, Any], path: str
) -> Iterator[Problem]:
    if not tables or any("properties" not in each for each in tables):
        return
    known = {key: shape for each in tables for key, shape in each["properties"].items()}
    for key, inner in value.items():
        here = f"{path}.{key}"
        if key in known:
            below = [each["properties"][key] for each in tables if key in each["properties"]]
            yield from _below(root, below, inner, here)
        else:
            yield _no_key(here, key, known)


def _choices(root: Shape, native: Mapping[str, Any]) -> Iterator[Problem]:
    """Values that the schema takes as any text, and that fail only in training."""
    for key, known in root.get("x-choices", {}).items():
        value = native.get(key)
        if isinstance(value, str) and value not in known and not root.get("x-open"):
            yield (
                key,
                f"{value!r} is none of the {len(known)} that this version has",
                nearest(value, known),
            )


def _types(root: Shape, native: Mapping[str, Any], lax: bool) -> Iterator[Problem]:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - a sixth of a second to import

    checked = {key: value for key, value in native.items() if key in root["properties"]}
    schema = {"properties": root["properties"], "$defs": root["$defs"]}
    for error in Draft202012Validator(schema).iter_errors(checked):
        problem = _described(root, error)
        if not (lax and _taken(_look(native, error.absolute_path), problem[1])):
            yield problem


def _look(value: Any, path: Iterable[Any]) -> Any:
    for part in path:
        value = value[part]
    return value


def _taken(value: Any, message: str) -> bool:
    """Axolotl's pydantic takes a number written as text, and true as a number."""
    if not isinstance(value, (str, bool)):
        return False
    for words, make in _NUMBERS.items():
        if f"is not {words}" in message or f"or {words}" in message:
            try:
                make(value)
            except ValueError:
                continue
            return True
    return False


def _described(root: Shape, error: Any) -> Problem:
    """The deepest place where a value went wrong, in words.  Any: jsonschema ships no types."""
    deepest = max(
        [error, *_causes(error)],
        key=lambda each: (len(each.absolute_path), each.validator != "type"),
    )
    path = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in deepest.absolute_path
    ).removeprefix(".")
    # At one and the same place the union knows more than any of its parts.
    whole = error if len(error.absolute_path) == len(deepest.absolute_path) else deepest
    if deepest.validator == "required":
        return path, deepest.message, ""
    shapes = list(_alternatives(root, whole.schema))
    enums = [str(each) for shape in shapes for each in shape.get("enum", [])]
    return (
        path,
        f"{_short(whole.instance)} is not {_expected(shapes)}",
        nearest(str(whole.instance), enums),
    )


def _causes(error: Any) -> Iterator[Any]:
    for cause in error.context or []:
        yield cause
        yield from _causes(cause)


def _short(value: Any) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _one_of(values: Sequence[Any]) -> str:
    shown = ", ".join(map(str, values[:MOST_VALUES]))
    return f"one of {shown}" + (f", ... ({len(values)})" if len(values) > MOST_VALUES else "")


def _expected(shapes: Sequence[Shape]) -> str:
    words: list[str] = []
    for shape in shapes:
        if "enum" in shape:
            words.append(_one_of(shape["enum"]))
        elif "const" in shape:
            words.append(repr(shape["const"]))
        else:
            kinds = shape.get("type", "a value")
            many = kinds if isinstance(kinds, list) else [kinds]
            limits = [f" {sign} {shape[word]}" for word, sign in _LIMITS.items() if word in shape]
            words += [f"{_NAMES.get(each, each)}{''.join(limits)}" for each in many]
    return " or ".join(dict.fromkeys(words))
