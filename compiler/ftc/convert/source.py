"""Reads a config file of any tool without running, constructing or expanding anything of it.

What the file is, and what its keys mean, is left to `ftc.convert.kinds` and to the key tables.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ftc.convert import json_text, toml_text, yaml_text
from ftc.convert.found import Fault, Found, Refused, join
from ftc.diagnostics import nearest
from ftc.errors import FtcError

Form = Literal["yaml", "json", "toml"]
FORMS: dict[str, Form] = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml"}
MAX_BYTES = 1_000_000
# Keys whose text is a template, or may be any text: braces are right there.
_TEMPLATED = re.compile(r"chat_template|jinja|format$|prompt|system")
# The key that every config of LLaMA-Factory has, and none of Axolotl's.
_LLAMAFACTORY = re.compile(r"(?:^|[{,])[ \t]*[\"']?model_name_or_path[\"']?[ \t]*:", re.M)
_PLACEHOLDER = re.compile(r"\{\{.{0,200}?\}\}|\{%.{0,200}?%\}|\$\{[^}]{0,200}\}", re.S)
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


@dataclass(frozen=True)
class Source:
    """One config as it was written.

    `values` are plain: text, numbers, true, false, null, lists and tables, as the tool reads them:
    in YAML 1e-4 is text to Axolotl (which makes a number of it) and a number to LLaMA-Factory.
    `lines` (1-based) are by the path of a key, table or list item ("datasets[0].type"); `comments`
    too, without #, the lines above a key before the one behind it.
    """

    path: Path
    form: Form
    values: dict[str, Any]
    lines: Mapping[str, int]
    comments: Mapping[str, str]
    text: str


def read(path: Path) -> Source:
    """A config file of at most 1 MB; FtcError with file and line of the first thing that is not
    one: see `parse`, and what is no UTF-8 text."""
    return parse(_text(path), path)


def parse(text: str, path: Path, form: Form | None = None) -> Source:
    """A config from its text, `path` standing for the file in messages, and for the syntax if no
    `form` is named. FtcError on what no tool could read, on what they would read differently
    (duplicate keys), on tags that make objects and on placeholders that are not filled in."""
    form = form or FORMS.get(path.suffix.lower()) or _form(text)
    try:
        found = _found(text, form) if text.strip() else Found(None, {}, {})
        _checked(text, found)
    except Refused as error:
        raise error.fault.error(str(path)) from error
    return Source(path, form, found.values, found.lines, found.comments, text)


def _form(text: str) -> Form:
    if text.lstrip().startswith("{"):
        return "json"
    try:
        return "toml" if tomllib.loads(text) else "yaml"
    except (ValueError, RecursionError):
        return "yaml"


def _found(text: str, form: Form) -> Found:
    if form == "yaml":
        return yaml_text.parse(text, omega=bool(_LLAMAFACTORY.search(text)))
    return json_text.parse(text) if form == "json" else toml_text.parse(text)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise FtcError(f"{path}: no such file", hint=_meant(path)) from error
    except IsADirectoryError as error:
        raise FtcError(f"{path}: is a folder, not a config", hint=_inside(path)) from error
    except OSError as error:
        raise FtcError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise FtcError(f"{str(path)!r}: is no path: {error}") from error
    return _decoded(raw, str(path))


def _decoded(raw: bytes, name: str) -> str:
    if len(raw) > MAX_BYTES:
        what = f"is larger than {MAX_BYTES // 1_000_000} MB; a config is a small text file"
        raise Fault(0, what, "name the config here; data files are named in it").error(name)
    if raw.startswith(_WIDE):
        raise Fault(0, "is UTF-16 or UTF-32 text, not UTF-8", "save it as UTF-8").error(name)
    if (at := raw.find(b"\0")) >= 0:
        line = raw.count(b"\n", 0, at) + 1
        raise Fault(line, "holds a NUL byte: this is no text", "name a text file").error(name)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        what = f"is not UTF-8 text (byte {raw[error.start]:#04x})"
        raise Fault(line, what, "save the file as UTF-8").error(name) from error


def _meant(path: Path) -> str:
    near = nearest(path.name, _configs(path.parent))
    return f"did you mean {path.parent / near}?" if near else "name a YAML, JSON or TOML file"


def _inside(path: Path) -> str:
    found = _configs(path)
    more = ", ..." if len(found) > 5 else ""
    return f"name a file in it: {', '.join(found[:5])}{more}" if found else "name a file"


def _configs(folder: Path) -> list[str]:
    try:
        return sorted(it.name for it in folder.iterdir() if it.suffix.lower() in FORMS)
    except OSError:
        return []


def _checked(text: str, found: Found) -> None:
    if found.values is None or found.values == {}:
        raise Refused(Fault(0, "is empty", "a config is a table of keys and values"))
    if not isinstance(found.values, dict):
        kind = "a list stands" if isinstance(found.values, list) else "one value stands"
        raise Refused(Fault(1, f"{kind} at the top", "a config is a table of keys and values"))
    # Most texts hold nothing that could be wrong with a value.
    if any(part in text for part in ("{{", "{%", "${", "\\", "nan", "NaN", "NAN")):
        for path, key, value in _values(found.values, "", ""):
            _value(found, path, key, value)


def _values(value: Any, path: str, key: str) -> Iterator[tuple[str, str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield path, name, name  # a key is text too, and may be a placeholder
            yield from _values(inner, join(path, name), name)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _values(inner, f"{path}[{at}]", key)
    else:
        yield path, key, value


def _value(found: Found, path: str, key: str, value: Any) -> None:
    line = found.lines.get(path, 0)
    if isinstance(value, float) and value != value:
        raise Refused(Fault(line, f"{path}: is not a number", "give one, or leave the key out"))
    if not isinstance(value, str):
        return
    if not value.isascii() and any("\ud800" <= sign <= "\udfff" for sign in value):
        raise Refused(Fault(line, f"{path}: holds half a character", "write the character itself"))
    placeholder = _PLACEHOLDER.search(value)
    if placeholder and not _TEMPLATED.search(key):
        what = f"{path}: {placeholder[0][:40]} is a placeholder"
        raise Refused(Fault(line, what, "fill it in first: nothing is expanded here"))
