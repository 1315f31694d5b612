"""Prompt templates: those of ftc below templates/augment, and those of a user in their place.

A template NAME.jinja has a block `user`, and maybe one `system`. The schema that answers must keep
to stands beside it in NAME.schema.json. Text of rows comes in as values, which are never rendered.
"""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from ftc import resources
from ftc.errors import FtcError

BLOCKS = ("system", "user")
FAULTS = (  # what filling a template raises, the code of which is the user's
    jinja2.TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class Template:
    """A prompt: `schema` is JSON text, "" for free text; `hash` is 64 hex digits of everything that
    the prompt is made of, without the values."""

    name: str
    path: Path
    schema: str
    hash: str
    _jinja: jinja2.Template = field(repr=False, compare=False)

    def render(self, values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        """(role, content) pairs; FtcError when the template cannot be filled with these values."""
        try:
            context = self._jinja.new_context(dict(values))
            parts = {
                role: "".join(self._jinja.blocks[role](context)).strip()
                for role in BLOCKS
                if role in self._jinja.blocks
            }
        except FAULTS as error:
            raise self._unfilled(error, values) from error
        return tuple((role, text) for role, text in parts.items() if text or role == "user")

    def _unfilled(self, error: Exception, values: Mapping[str, Any]) -> FtcError:
        try:
            self._jinja.environment.handle_exception()  # lines of the template, not of its code
        except type(error) as found:
            frames = traceback.extract_tb(found.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(self.path)]
        place = f"{self.path}:{lines[-1]}" if lines else str(self.path)
        return FtcError(
            f"{place}: the prompt cannot be filled: {str(error) or type(error).__name__}",
            hint=f"the values of this prompt are {', '.join(sorted(values)) or 'none'}",
        )


class Prompts:
    """Templates by name. Those in `folder` go before those of ftc."""

    def __init__(self, folder: Path | None) -> None:
        if folder is not None and not folder.is_dir():
            raise FtcError(
                f"{folder}: no such folder", hint="prompts = ... below [augment] names it"
            )
        self._own = [] if folder is None else [folder]
        self._loaded: dict[tuple[str, Path | None], Template] = {}

    def load(self, name: str, file: Path | None = None) -> Template:
        """A template by name, or that in `file` in its place, as it was when first asked for.

        FtcError when it is missing or broken, or when its schema is.
        """
        if (name, file) not in self._loaded:
            self._loaded[name, file] = self._read(name, file)
        return self._loaded[name, file]

    def _read(self, name: str, file: Path | None) -> Template:
        beside = [] if file is None else [file.parent]
        path = file or self._found(f"{name}.jinja")
        if path is None:
            places = ", ".join(str(it) for it in self._folders)
            raise FtcError(f"no prompt template {name}.jinja", hint=f"looked for in {places}")
        jinja = _environment([*beside, *self._folders])
        source = _text(path)
        try:
            code = jinja.compile(source, str(path), str(path))
            template = jinja.template_class.from_code(jinja, code, jinja.make_globals(None))
            parts = [source, *_reached(jinja, source, path)]
        except jinja2.TemplateSyntaxError as error:
            raise FtcError(
                f"{error.filename or path}:{error.lineno}: {error.message}",
                hint="prompts are Jinja templates",
            ) from error
        except jinja2.TemplateNotFound as error:
            raise FtcError(f"{path}: there is no template {error.name} to include") from error
        if "user" not in template.blocks:
            raise FtcError(
                f"{path}: no block user",
                hint="{% block system %}...{% endblock %}{% block user %}...{% endblock %}",
            )
        schema = self._schema(name, path)
        digest = sha256(json.dumps([*parts, schema]).encode()).hexdigest()
        return Template(name, path, schema, digest, template)

    @cached_property
    def _folders(self) -> list[Path]:
        return [*self._own, resources.folder("templates") / "augment"]

    def _found(self, name: str) -> Path | None:
        return next((it / name for it in self._folders if (it / name).is_file()), None)

    def _schema(self, name: str, path: Path) -> str:
        """The schema beside a template, else that of its name; canonical JSON."""
        near = path.with_suffix(".schema.json")
        ours = resources.folder("templates") / "augment"
        own = path.parent != ours and near.is_file()
        found = near if own else self._found(f"{name}.schema.json")
        if found is None:
            return ""
        try:
            schema = json.loads(_text(found))
            Draft202012Validator.check_schema(schema)
        except ValueError as error:
            raise FtcError(f"{found}: not JSON: {error}") from error
        except SchemaError as error:
            raise FtcError(f"{found}: no JSON schema: {error.message}") from error
        if (fixed := ours / f"{name}.schema.json").is_file():
            _fits(schema, json.loads(_text(fixed)), found)
        return json.dumps(schema, separators=(",", ":"))


def _fits(schema: Any, ours: dict[str, Any], path: Path) -> None:
    """FtcError when answers by this schema lack what is read out of those by ftc's."""
    told = schema if isinstance(schema, dict) else {}
    for name in ours["required"]:
        wanted, found = ours["properties"][name], told.get("properties", {}).get(name)
        if (
            name not in told.get("required", [])
            or not isinstance(found, dict)
            or ("type" in wanted and found.get("type") != wanted["type"])
            or any(it not in wanted.get("enum", [it]) for it in found.get("enum", [None]))
        ):
            raise FtcError(
                f"{path}: needs the required property {json.dumps({name: wanted})}",
                hint="it is read out of the answers; limits, and other properties, are yours",
            )


def _environment(folders: list[Path]) -> jinja2.Environment:
    environment = ImmutableSandboxedEnvironment(
        loader=jinja2.FileSystemLoader(folders),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data"] = data
    return environment


def data(text: str, name: str) -> str:
    """A text between tags of this name, or of name-2, name-3, ... where it holds such a tag itself:
    what comes from rows cannot end the place where it stands."""
    tag, number = name, 1
    while re.search(rf"</?\s*{re.escape(tag)}\b", text, re.IGNORECASE):
        number += 1
        tag = f"{name}-{number}"
    return f"<{tag}>\n{text}\n</{tag}>"


def _reached(jinja: jinja2.Environment, source: str, path: Path) -> list[str]:
    """The sources of all templates that this one includes, imports or extends."""
    assert jinja.loader is not None
    found: dict[str, str] = {}
    waiting = [(source, str(path))]
    while waiting:
        text, file = waiting.pop()
        for name in meta.find_referenced_templates(jinja.parse(text, None, file)):
            if name is None:
                raise jinja2.TemplateSyntaxError("no fixed name to include", 1, None, file)
            if name not in found:
                found[name], where, _ = jinja.loader.get_source(jinja, name)
                waiting.append((found[name], where or name))
    return [found[name] for name in sorted(found)]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise FtcError(
            f"{path}: cannot be read: {error.strerror}",
            hint="prompt = ... names a template, prompts = ... a folder of them",
        ) from error
    except UnicodeDecodeError as error:
        raise FtcError(f"{path}: not UTF-8") from error
