"""What changed for configs between the versions of the tools, as data: see `changes.toml`."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field as Described
from pydantic import model_validator

from ftc.backends.versions import BACKENDS
from ftc.convert import edit
from ftc.part import Part, Text

KEY, VALUE = "$key", "$value"  # in what is written: the path of the key, the value that it had
_BOUND = re.compile(r"([<>])\s*(\d+(?:\.\d+)?)")

Kind = Literal["removed", "renamed", "value", "default", "meaning"]


class Change(Part):
    """One change: the keys that it hits, whether they still load, and the rewrite that keeps a run
    as it was. Conditions: "*" is any value that is set and not false, "~x" a pattern, "> 0 < 1" a
    number between, "{}" a table, a list any of its items, all else that very value."""

    keys: list[str] = Described(min_length=1)
    kind: Kind
    version: str = Described("", description='the first that has it; "": long ago')
    until: str = Described("", description="the last that has it; not given: all since")
    value: Any = Described(None, description="of the key itself; not given: any, false too")
    when: dict[str, Any] = Described({}, description="all of these, by path")
    unless: dict[str, Any] = Described({}, description="none of these")
    besides: list[str] = Described([], description="keys that the pattern in `keys` does not mean")
    to: Text | None = Described(None, description="the key's new name")
    words: dict[str, dict[str, Any]] = Described(
        {}, description="value, or each item of a list -> what to write for it, by path"
    )
    write: dict[str, Any] = Described({}, description="what to write, by path")
    drop: bool = Described(False, description="the key goes")
    yields: bool = Described(False, description="what is set already stays as it is")
    breaks: bool = Described(False, description="the tool refuses the config")
    training: bool = Described(False, description="it changes what is trained")
    why: Text
    todo: str = Described("", description="what a person has to do, where nothing can be written")
    source: Text

    @model_validator(mode="after")
    def _something(self) -> Change:
        if not self.rewrites and self.breaks and not self.todo:
            raise ValueError("neither a rewrite nor what to do")
        return self

    @property
    def rewrites(self) -> bool:
        return bool(self.to or self.words or self.write or self.drop)

    def applies(self, after: tuple[int, ...], upto: tuple[int, ...]) -> bool:
        """Whether a config of version `after` meets it on `upto`. What a key is called and takes
        holds however old a config is; another default does not matter to one that knew it."""
        since, last = number(self.version), number(self.until)
        if last and upto > last:
            return False
        return since <= upto and (self.kind not in ("default", "meaning") or since > after)

    def places(self, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The paths in a config that it may be about, each with what * stands for."""
        for key in self.keys:
            for path, star in _expanded(key, values):
                if edit.parts(path)[-1] not in self.besides:
                    yield path, star

    def hits(self, values: Mapping[str, Any], path: str, star: str) -> bool:
        """Whether it is about the key at `path`."""
        value = edit.look(values, edit.parts(path))
        if self.kind == "default":
            if value is not None:
                return False
        elif value is None or not (self.value is None or matches(value, self.value)):
            return False

        def holds(item: tuple[str, Any]) -> bool:
            return matches(edit.look(values, edit.parts(filled(item[0], path, star))), item[1])

        return all(map(holds, self.when.items())) and not any(map(holds, self.unless.items()))


@cache
def table(backend: str) -> tuple[Change, ...]:
    """The changes of a backend in the order in which they are to be applied."""
    text = Path(__file__).with_name("changes.toml").read_text("utf-8")
    found = tomllib.loads(text)
    assert found.keys() <= set(BACKENDS), found.keys()
    return tuple(Change.model_validate(it) for it in found.get(backend, []))


def number(version: str) -> tuple[int, ...]:
    """ "0.21.0" as (0, 21, 0); () where nothing is said."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def filled(name: str, path: str, star: str) -> str:
    """A path of the table as it is in one config, for its key at `path`: "[]." is the list item
    that the key stands in, "$key" the key itself, "*" what the pattern left open."""
    if name.startswith("[]."):
        return path[: path.rindex("]") + 1] + name.removeprefix("[]")
    return name.replace(KEY, path).replace("*", star)


def matches(value: Any, wanted: Any) -> bool:
    """Whether a value meets a condition of the table."""
    if isinstance(wanted, list):
        return any(matches(value, it) for it in wanted)
    if not isinstance(wanted, str):
        return type(value) is type(wanted) and bool(value == wanted)
    if wanted == "*":
        return value is not None and value is not False and value not in ("", [], {})
    if wanted == "{}":
        return isinstance(value, Mapping)
    if wanted.startswith("~"):
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        return value is not None and re.search(wanted[1:], text) is not None
    if bounds := _BOUND.findall(wanted):
        return _number(value) and all(
            value > float(bound) if sign == ">" else value < float(bound) for sign, bound in bounds
        )
    return bool(value == wanted)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _expanded(key: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "[]" in key:
        above, _, below = key.partition("[]")
        items = edit.look(values, edit.parts(above))
        for at in range(len(items) if isinstance(items, list) else 0):
            yield f"{above}[{at}]{below}", ""
    elif key.endswith("*"):
        above, _, start = key.removesuffix("*").rpartition(".")
        inner = edit.look(values, edit.parts(above))
        for name in list(inner) if isinstance(inner, Mapping) else []:
            if name.startswith(start):
                yield f"{above}.{name}", name.removeprefix(start)
    else:
        yield key, ""
