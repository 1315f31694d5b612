"""A config of one tool as a recipe, or as a config of the other, with an account of every key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ftc.backends import versions
from ftc.convert import dialect, kinds, recipe, silent, text
from ftc.convert import source as sources
from ftc.convert.entry import Entry, counts, entries
from ftc.convert.meaning import Native, Reading, leaves
from ftc.convert.rows import axolotl, llamafactory
from ftc.convert.source import Source
from ftc.convert.tables import LEFT_OUT, UNREADABLE
from ftc.errors import FtcError
from ftc.init import write
from ftc.plan import Plan

RECIPE = "recipe"
OUT = "output_dir"
FOLDER = "data"  # of dataset_info.json, where a config names no other


@dataclass(frozen=True)
class Converted:
    """`text` is the config that comes out, `files` what stands beside it. `implied` are the
    concepts that the source leaves to its tool, which are said in full now; `differences` what
    no key can say."""

    source: Path
    tool: str  # of the source
    read_as: str  # the version of that tool
    target: str
    version: str  # of the target tool, "" for a recipe
    entries: tuple[Entry, ...]
    implied: Mapping[str, Any]
    differences: tuple[str, ...]
    native: Mapping[str, Any]
    text: str
    files: Mapping[str, str]

    @property
    def lost(self) -> tuple[Entry, ...]:
        """Keys without which the run trains in another way."""
        return tuple(it for it in self.entries if it.lost)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "source": str(self.source),
            "tool": self.tool,
            "read_as": self.read_as,
            "target": self.target,
            "version": self.version,
            "counts": counts(self.entries),
            "lossy": bool(self.lost),
            "implied": dict(self.implied),
            "differences": list(self.differences),
            "keys": [asdict(it) for it in self.entries],
        }


def convert(source: Source, target: str, *, read_as: str = "", version: str = "") -> Converted:
    """The same run for `target`: "recipe" or a tool, in these versions, else those preferred.

    `read_as` names a version with its tool: "axolotl@0.19.0". FtcError when the source is no
    training config.
    """
    tool = kinds.training(source)
    if tool == RECIPE:
        raise FtcError(
            f"{source.path}: is a recipe already",
            hint="ftc build RECIPE --backend axolotl writes a config of it",
        )
    line = versions.parse(read_as) if read_as else versions.find(tool)
    if line.backend != tool:
        raise FtcError(f"{source.path}: is a config of {tool}, not of {line.backend}")
    reading = understood(tool, line.version, source)
    left = implied(tool, line.version, source, reading)
    left |= silent.implied(tool, left | reading.values)
    values = left | reading.values
    if target == RECIPE:
        made = recipe.write(tool, source.values, reading, values)
        made.native = {"name": named(source.path)} | made.native
        shown = text.recipe(made.native, source, reading, made)
        new = ""
    else:
        new = versions.find(target, version).version
        left = {name: it for name, it in left.items() if _said(target, new, name, it)}
        values = left | reading.values
        made = dialect.write(target, new, values)
        made.add((axolotl if target == "axolotl" else llamafactory).write(values, new, source=tool))
        dialect.unread(target, made)
        if place := source.values.get(OUT):  # of the site, and neither tool starts well without
            made.native[OUT] = place
        shown = text.native(target, new, made, source, reading)
    return Converted(
        source=source.path,
        tool=tool,
        read_as=line.version,
        target=target,
        version=new,
        entries=entries(tool, source.values, reading, made, source.lines),
        implied=left,
        differences=tuple(silent.differences(tool, target, values, made.held)),
        native=made.native,
        text=shown,
        files=made.files,
    )


def _said(target: str, version: str, name: str, value: Any) -> bool:
    """Whether what the source leaves to its tool is to be said: a setting, or what the other tool
    does in another way where nothing is said."""
    if name in Plan.__dataclass_fields__:
        return True
    return value not in LEFT_OUT and dialect.defaults(target, version).get(name) != value


def understood(tool: str, version: str, source: Source) -> Reading:
    """What a training config says, rows included."""
    found = dialect.read(tool, version, source.values)
    alive = {key: value for key, value in source.values.items() if key not in found.settled}
    try:
        if tool == "axolotl":
            found.add(axolotl.read(alive, version))
        else:
            found.add(llamafactory.read(alive, version, _described(source)))
    except UNREADABLE as error:
        note = dialect.refused(error)
        found.settled |= {path: note for path, _ in leaves(alive) if path not in found.heard}
    return found


def _described(source: Source) -> Native | None:
    """The dataset_info.json of a LLaMA-Factory config; None where it is not there.

    The tool looks below the folder that it is started in, which is most often above the config's.
    """
    name = source.values.get("dataset_dir") or FOLDER
    for folder in (source.path.parent, *source.path.absolute().parents[1:4]):
        path = folder / str(name) / "dataset_info.json"
        if path.is_file():
            return sources.read(path).values
    return None


def named(path: Path) -> str:
    """A name for the recipe, out of the file's: what folders can be called."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("._-")[:64]
    return name or "converted"


def implied(tool: str, version: str, source: Source, reading: Reading) -> dict[str, Any]:
    """The concepts that a config leaves to its tool."""
    found = dialect.implied(tool, version, source.values)
    return {name: value for name, value in found.items() if name not in reading.values}


def target_of(text: str) -> tuple[str, str]:
    """ "recipe", or a tool with its version: "axolotl@0.19.0"; FtcError on any other."""
    if text == RECIPE:
        return RECIPE, ""
    line = versions.parse(text)
    return line.backend, line.version


def written(found: Converted, out: Path, *, force: bool) -> tuple[Path, ...]:
    """Write the config, and beside it what belongs to it; the files.

    What belongs to the source's own tool and is there already is left as it is: the source reads
    it too. FtcError, and nothing written, when another is there already, unless `force`.
    """
    beside = {out.parent / name: text for name, text in found.files.items()}
    if found.tool == found.target:
        beside = {path: text for path, text in beside.items() if not path.exists()}
    texts = {out: found.text} | beside
    for path in texts:
        if path.exists() and not force:
            raise FtcError(f"{path}: exists already", hint="choose another --out, or give --force")
    for path, text_ in texts.items():
        write(path, text_, force=force)
    return tuple(texts)
