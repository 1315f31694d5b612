"""A config of one tool as a side of a difference; and names by which two sides are compared."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftc import recipe
from ftc.backends import fields
from ftc.convert import silent
from ftc.convert.convert import implied, understood
from ftc.convert.meaning import Reading, leaves
from ftc.convert.sides import Own, Place, Side
from ftc.errors import FtcError
from ftc.facts import model
from ftc.memory.shape import Shape

_CACHED = re.compile(r"models--([^/]+?)--([^/]+)/snapshots/")  # of the hub, on this machine


def read(place: Place) -> Side:
    """What a config says and what it leaves to its tool; its rows are not looked at."""
    source = place.source
    assert source is not None
    folder = place.path.absolute().parent
    reading = understood(place.tool, place.version, source)
    left = implied(place.tool, place.version, source, reading)
    left |= silent.implied(place.tool, left | reading.values)
    values = placed(left | reading.values, folder)
    keys = dict(leaves(source.values))
    shape, family = known(values.get("model"), folder)
    return Side(
        name=str(place.path),
        what="config",
        tool=place.tool,
        version=place.version,
        values=values,
        left=frozenset(left),
        own={path: Own(keys[path], it) for path, it in reading.settled.items() if path in keys},
        steps=values.get("max_steps"),
        shape=shape,
        family=family,
        config={key: it for key, it in source.values.items() if _plain(place.tool, key, reading)},
    )


def _plain(tool: str, key: str, reading: Reading) -> bool:
    """A key that is read, and not for the rows: what the memory formula may look at."""
    entry = fields.find(tool, key)
    return key not in reading.settled and not (entry is not None and entry.data)


def known(name: Any, folder: Path) -> tuple[Shape | None, str]:
    """A model's shape, and the family of its chat template, "" when not known: from its folder, the
    cache or the catalogue; nothing is asked of a hub."""
    try:
        said = recipe.Model.model_validate({"id": name})
        found = model.gather(said, folder, offline=True)
    except (FtcError, ValueError):
        return None, ""
    return found.shape, found.family.name if found.family else ""


def placed(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The values that there are, with models and files named in a way that can be compared."""
    made = {name: value for name, value in values.items() if value is not None}
    for name, value in made.items():
        if isinstance(value, str) and (name == "model" or name.endswith("].path")):
            made[name] = _located(value, folder)
    return made


def _located(text: str, folder: Path) -> str:
    """A hub id for what the cache holds of it; a path below the working folder from there on."""
    if cached := _CACHED.search(text):
        return "/".join(cached.groups())
    here = Path.cwd().resolve()
    for base in (folder, here):
        found = base / Path(text).expanduser()
        if found.exists():
            whole = found.resolve()
            return str(whole.relative_to(here) if whole.is_relative_to(here) else whole)
    return os.path.normpath(text) if "/" in text else text
