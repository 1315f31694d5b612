"""Renders templates, the shipped ones or a team's own; values arrive finished, none is computed."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import yaml

from ftc import kept
from ftc.errors import FtcError
from ftc.resources import folder

NOTE_COLUMN = 44  # comments of short lines stand below one another
FORMAT = 1  # raise it when an option of the environment changes: compiled templates hold them


class _Dumper(yaml.SafeDumper):
    """PyYAML in one line: no aliases, no line breaks inside text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = '"' if "\n" in value or _FLOAT.fullmatch(value) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


# YAML 1.2 reads 1e-5 as a number, PyYAML as text; quoted it is text to both.
_FLOAT = re.compile(r"[-+]?[0-9.]+[eE][-+]?[0-9]+")
_Dumper.add_representer(str, _text)


def yaml_value(value: Any) -> str:
    """A value as YAML on one line: flow style, floats with a dot, quotes where they are needed."""
    text = yaml.dump(
        value,
        Dumper=_Dumper,
        default_flow_style=True,
        width=float("inf"),
        allow_unicode=True,
        sort_keys=False,
    )
    return text.removesuffix("\n").removesuffix("\n...")


_PAIR = re.compile(r"(?<!\\)(?:\\\\)*\\u[dD][89abAB]..\\u[dD][c-fC-F]..")


def json_value(value: Any, indent: int = 0) -> str:
    """A value as JSON that YAML reads too: floats have a dot, and there is no pair of surrogates.

    With an `indent` a mapping that is not empty takes one line a key.
    """
    return _json(value, indent, indent)


def _json(value: Any, indent: int, depth: int) -> str:
    if isinstance(value, Mapping):
        pairs = [
            f"{_quoted(str(key))}: {_json(item, indent, depth + indent)}"
            for key, item in value.items()
        ]
        if not indent or not pairs:
            return "{" + ", ".join(pairs) + "}"
        inner = ",\n".join(" " * depth + pair for pair in pairs)
        return "{\n" + inner + "\n" + " " * (depth - indent) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_json(item, indent, depth) for item in value) + "]"
    if isinstance(value, float):
        return re.sub(r"^(-?\d+)e", r"\1.0e", json.dumps(value, allow_nan=False))
    return _quoted(value)


def _quoted(value: Any) -> str:
    """ASCII, but for what JSON can only escape as two halves, which YAML does not put together."""
    return _PAIR.sub(lambda found: json.loads(f'"{found[0]}"'), json.dumps(value))


def note(line: str, text: str) -> str:
    """A YAML or shell line with a comment behind it."""
    plain = " ".join(text.split())
    return f"{line:<{NOTE_COLUMN}}  # {plain}" if plain else line


def cell(value: Any) -> str:
    """Text that fits one cell of a Markdown table."""
    return " ".join(str(value).split()).replace("|", "\\|")


def render(template: str, own: Path | None = None, /, **values: Any) -> str:
    """The text of a template; `own` is a team's template folder, searched before the shipped one.

    FtcError when the template is missing, broken, or asks for a value that there is not.
    """
    try:
        return _environment(own).get_template(template).render(**values)
    except jinja2.TemplateNotFound as error:
        raise FtcError(
            f"template {error.name} is missing",
            hint=f"looked in {', '.join(str(place) for place in _folders(own))}",
        ) from error
    except jinja2.TemplateSyntaxError as error:
        raise FtcError(
            f"{error.filename or template}:{error.lineno}: {error.message}",
            hint="mend the template, or leave --templates out to use the shipped one",
        ) from error
    except jinja2.TemplateError as error:
        raise FtcError(
            f"template {template}: {error.message}",
            hint="see the shipped template of that name for the values it is given",
        ) from error


def _folders(own: Path | None) -> list[Path]:
    return [*([own] if own else []), folder("templates")]


class _Compiled(jinja2.BytecodeCache):
    """Keeps compiled templates; Jinja checks each against its source and Python's version."""

    def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        content = kept.kept("templates", self._name(bucket))
        try:
            bucket.bytecode_from_string(content)
        except (EOFError, ValueError, pickle.UnpicklingError):  # a damaged file
            bucket.reset()

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        kept.keep("templates", self._name(bucket), bucket.bytecode_to_string())

    def _name(self, bucket: jinja2.bccache.Bucket) -> str:
        return f"{bucket.key}-{FORMAT}.bin"


@cache
def _environment(own: Path | None) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_folders(own)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=lambda name: (name or "").endswith(".html.j2"),
        bytecode_cache=_Compiled(),
    )
    environment.filters |= {"yaml": yaml_value, "json": json_value, "note": note, "cell": cell}
    return environment
