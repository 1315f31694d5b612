"""Writes LLaMA-Factory's accepted keys, as a JSON schema, into a file; run by its own Python.

Made from the five argument classes that `get_train_args` parses: type, choices, default, help;
`x-group` is the class of a key. The chat templates that are registered stand under `x-choices`,
because `template` is any text to the parser.
"""

import dataclasses
import inspect
import json
import re
import sys
import types
import typing
from enum import Enum
from pathlib import Path
from typing import Any

from llamafactory.data.template import TEMPLATES
from llamafactory.hparams import parser

SIMPLE = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


def kind(hint: Any) -> dict[str, Any]:
    """A type hint as a JSON schema; an empty schema for what has no JSON form."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint in SIMPLE:
        return {"type": SIMPLE[hint]}
    if origin is typing.Literal:
        return {"enum": list(inner)}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [member.value for member in hint]}
    if origin in (typing.Union, types.UnionType):
        return _union(inner)
    if origin is list or hint is list:
        return {"type": "array", "items": kind(inner[0]) if inner else {}}
    if origin is dict or hint is dict:
        return {"type": "object"}
    return {}


def _union(inner: tuple[Any, ...]) -> dict[str, Any]:
    # `Enum | str` is how transformers writes a choice: the text is made the enum, or refused.
    enums = [each for each in inner if isinstance(each, type) and issubclass(each, Enum)]
    kept = [each for each in inner if not (enums and each is str)]
    parts = [kind(each) for each in kept]
    unique = [part for at, part in enumerate(parts) if part not in parts[:at]]
    return unique[0] if len(unique) == 1 else {"anyOf": unique}


def default(field: dataclasses.Field[Any]) -> dict[str, Any]:
    """The default of a field, where it has one and JSON has a word for it."""
    value = field.default
    if field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    if isinstance(value, Enum):
        value = value.value
    known = value is None or isinstance(value, bool | int | float | str | list | dict)
    return {"default": value} if known and value is not dataclasses.MISSING else {}


def listed(group: type) -> set[str]:
    """Keys whose text is split at commas, so that a list is as good."""
    source = "".join(inspect.getsource(each) for each in group.__mro__ if each is not object)
    return set(re.findall(r"split_arg\(self\.(\w+)\)", source))


def properties(group: type) -> dict[str, Any]:
    """The settable keys of one argument class."""
    hints, lists = typing.get_type_hints(group), listed(group)
    result = {}
    for field in dataclasses.fields(group):
        if not field.init:
            continue
        shape = kind(hints[field.name])
        if field.name in lists:
            shape = {"anyOf": [*shape.get("anyOf", [shape]), {"type": "array"}]}
        if field.metadata.get("choices") and "enum" not in shape:
            shape["enum"] = list(field.metadata["choices"])
        text = re.sub(r"\s+", " ", str(field.metadata.get("help", ""))).strip()
        note = {"description": text} if text else {}
        result[field.name] = shape | default(field) | note | {"x-group": group.__name__}
    return result


def main() -> None:
    """Writes the schema into the file named on the command line."""
    merged: dict[str, Any] = {}
    for group in parser._TRAIN_ARGS:
        for name, shape in properties(group).items():
            merged.setdefault(name, shape)
    result = {
        "title": "get_train_args",
        "type": "object",
        "additionalProperties": False,
        "properties": merged,
        "x-choices": {"template": sorted(TEMPLATES)},
    }
    Path(sys.argv[1]).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
