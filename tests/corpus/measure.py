"""What `ftc convert` makes of each file of a folder, before any tool has looked at it."""

from __future__ import annotations

import tomllib
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ftc.backends import base, versions
from ftc.convert import convert, dialect, kinds, recipe, source
from ftc.convert.convert import RECIPE, Converted
from ftc.convert.entry import CLASSES
from ftc.convert.meaning import leaves
from ftc.convert.rows import axolotl, llamafactory
from ftc.convert.source import FORMS, Source
from ftc.errors import FtcError
from ftc.recipe import Recipe

ROWS = {"axolotl": axolotl, "llamafactory": llamafactory}
TOOLS = versions.BACKENDS
TARGETS = (RECIPE, *TOOLS)
STAGES = ("sft", "pretrain", "dpo", "orpo", "kto", "simpo")
METHODS = ("full", "lora", "qlora")
# Keys that only runs on pictures, films and sound have.
MEDIA = (
    "processor_type",
    "processor_config",
    "image_size",
    "image_resize_algorithm",
    "image_max_pixels",
    "video_max_pixels",
    "freeze_vision_tower",
    "freeze_multi_modal_projector",
    "media_dir",
)
UNEXPLAINED = ("no key holds", "ftc does not know")


@dataclass
class File:
    """One file: what it is, what came of it, and what went wrong.

    `converted` is by target; `crashes` hold tracebacks; `unaccounted` names keys without one class,
    `unexplained` those whose reason says nothing; `apart` what is another value after config ->
    recipe -> config: (key, value before, value after); `recipe` why the recipe does not load.
    """

    name: str
    kind: str = ""
    refused: str = ""
    tool: str = ""
    text: str = ""
    plain: bool = False  # text, in a stage and with a method that both tools have
    converted: dict[str, Converted] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    crashes: list[str] = field(default_factory=list)
    unaccounted: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    apart: list[tuple[str, Any, Any]] = field(default_factory=list)
    recipe: str = ""
    held: int = 0  # exact keys that were compared

    @property
    def other(self) -> str:
        """The tool that the config is not of."""
        return next(name for name in TOOLS if name != self.tool)


def files(folder: Path) -> list[Path]:
    """Every file that could be a config."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in FORMS)


def measured(folder: Path) -> Iterator[File]:
    """Every file of the folder, one after the other."""
    for path in files(folder):
        file = File(str(path.relative_to(folder)))
        try:
            _measure(path, file)
        except Exception:  # a crash is what is looked for here
            file.crashes.append(traceback.format_exc(limit=-3))
        yield file


def _measure(path: Path, file: File) -> None:
    try:
        found = source.read(path)
        told = kinds.of(found)
        file.kind, file.text = f"{told.tool} {told.what}".strip(), found.text
        tool = kinds.training(found)
    except FtcError as error:
        file.kind = file.kind or "unreadable"
        file.refused = str(error)
        return
    if tool == RECIPE:
        return
    file.tool = tool
    for target in TARGETS:
        try:
            file.converted[target] = convert.convert(found, target)
        except FtcError as error:
            file.failed[target] = str(error)
        except Exception:
            file.crashes.append(f"to {target}: {traceback.format_exc(limit=-3)}")
        else:
            _account(found, file, target)
    if RECIPE in file.converted:
        _plain(found, file)
        _round_trip(found, file)


def _account(found: Source, file: File, target: str) -> None:
    """Each key that is set stands in one class, with a reason where it is lost."""
    entries = file.converted[target].entries
    told = [it.path for it in entries]
    for key in dict.fromkeys([*dict(leaves(found.values)), *told]):
        if told.count(key) != 1:
            file.unaccounted.append(f"to {target}: {key} ({told.count(key)} times)")
    for it in entries:
        if it.kind not in CLASSES:
            file.unaccounted.append(f"to {target}: {it.path} is {it.kind!r}")
        if it.kind not in ("exact", "converted") and (not it.why or it.why.startswith(UNEXPLAINED)):
            file.unexplained.append(f"to {target}: {it.path}: {it.why}")


def _plain(found: Source, file: File) -> None:
    made = file.converted[RECIPE]
    said = convert.understood(file.tool, made.read_as, found).values | dict(made.implied)
    media = [key for key in MEDIA if found.values.get(key) is not None]
    media += [name for name in said if name.endswith((".images", ".videos", ".audios"))]
    file.plain = said.get("stage") in STAGES and said.get("method", "full") in METHODS and not media


def _round_trip(found: Source, file: File) -> None:
    """The recipe as a file is read by ftc, and said in the tool's words again."""
    made = file.converted[RECIPE]
    tables = tomllib.loads(made.text)
    try:
        Recipe.model_validate(tables)
    except ValidationError as error:
        first = error.errors()[0]
        file.recipe = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    config = again(file.tool, made.read_as, tables)
    after = dict(leaves(config))
    before = convert.understood(file.tool, made.read_as, found)
    told = convert.understood(file.tool, made.read_as, replace(found, values=config)).values
    for it in made.entries:
        if it.kind != "exact":
            continue
        file.held += 1
        if it.path in after:
            same = _same(it.value, after[it.path])
        else:  # under another name of the tool's
            names = before.heard.get(it.path, ())
            same = bool(names) and all(before.values[name] == told.get(name) for name in names)
        if not same:
            file.apart.append((it.path, it.value, after.get(it.path)))


def again(tool: str, version: str, tables: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a tool that the tables of a recipe say, and no more than they say."""
    values = recipe.read(tables).values
    made = dialect.write(tool, version, values)
    made.add(ROWS[tool].write(values, version))
    native = tables.get("backend", {}).get(tool, {})
    return base.overridden(tool, made.native, native)[0]


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, bool) or isinstance(after, bool):
        return before is after
    if isinstance(before, (list, tuple)) and isinstance(after, (list, tuple)):
        return list(before) == list(after)
    return bool(before == after)
