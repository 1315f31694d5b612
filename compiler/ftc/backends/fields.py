"""Every key of a backend that its key table does not hold: what it means, or why it has no place.

The tables `fields/<backend>.toml` have one entry a key, nested ones by their path, where [] stands
for each item of a list ("datasets[].roles_to_train"), and * for any further name.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field as Described
from pydantic import model_validator

from ftc.part import Part, Text

FOLDER = Path(__file__).with_name("fields")
ANY = "*"  # in `needs`: any value that is set and not false
UNSET = "unset"  # in `needs`: the key is left out
OTHER = "!"  # in `needs`, before a word: any other value, or none


class Field(Part):
    """One key. One of `concept`, `data` and `kind` says what it is. A key that the key table holds
    has none of them: it says here what it needs, and what it is when it is left out."""

    concept: Text | None = Described(None, description="what it means; the other tool's key too")
    words: dict[str, Any] = Described({}, description="native value -> that of the concept")
    closed: bool = Described(False, description="it has only the values of `words`")
    old: bool = Described(False, description="an old name: read, never written")
    inverted: bool = Described(False, description="true means the concept's false")
    joined: bool = Described(False, description="names in one text, parted by commas")
    data: bool = Described(False, description="read with the rows, by ftc.convert.rows")
    kind: Literal["untranslatable", "site", "ignored"] | None = None
    training: bool = Described(False, description="it changes what is trained")
    needs: dict[str, Any] = Described(
        {},
        description="it is read only where these keys (one of a|b) have these values: one, a "
        "list of them, '*' for any, false and 'unset' for those that are left out too",
    )
    default: Any = Described(None, description="what the tool takes where the key is left out")
    null: Any = Described(None, description="what null means, where that is not to leave it out")
    harmless: list[Text] = Described(
        [], description="names in a list whose loss changes no training, by their end"
    )
    near: Text | None = Described(None, description="how the other tool's way differs in effect")
    why: Text | None = Described(None, description="one line for the user")
    source: Text | None = Described(None, description="file::symbol where it was read")
    since: Text | None = Described(None, description="first version that has the key")
    until: Text | None = Described(None, description="last version that has it")

    @model_validator(mode="after")
    def _one(self) -> Field:
        said = (self.concept is not None, self.data, self.kind is not None)
        if sum(said) > 1:
            raise ValueError("more than one of concept, data and kind")
        if self.kind is not None and not self.why:
            raise ValueError("a kind without a reason")
        return self


@cache
def table(backend: str) -> Mapping[str, Field]:
    """All entries of a backend, by path."""
    text = (FOLDER / f"{backend}.toml").read_text("utf-8")
    return {path: Field.model_validate(entry) for path, entry in tomllib.loads(text).items()}


def find(backend: str, path: str) -> Field | None:
    """The entry of a key: its own, else that of the nearest table above that ends in *."""
    return _find(backend, re.sub(r"\[\d+\]", "[]", path) if "[" in path else path)


@lru_cache(4096)
def _find(backend: str, name: str) -> Field | None:
    known = table(backend)
    if name in known:
        return known[name]
    while "." in name:
        name = name.rpartition(".")[0]
        if f"{name}.*" in known:
            return known[f"{name}.*"]
    return None
