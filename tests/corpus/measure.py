"""What `ftc convert` makes of each file of a folder, before any tool has looked at it."""

from __future__ import annotations

import tomllib
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ftc import backends
from ftc.backends import base, schemas, versions
from ftc.backends.axolotl_keys import OWN_PLUGIN
from ftc.convert import convert, dialect, kinds, neutral, recipe, source
from ftc.convert.convert import RECIPE, Converted
from ftc.convert.entry import CLASSES
from ftc.convert.meaning import Writing, leaves
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
# Keys that name the files which ftc makes of the rows.
SETS = {"dataset", "dataset_dir", "eval_dataset", "val_size", "val_set_size"}
UNEXPLAINED = ("no key holds", "ftc does not know")


@dataclass
class File:
    """One file: what it is, what came of it, and what went wrong.

    `converted` is by target; `crashes` hold tracebacks; `unaccounted` names keys without one class,
    `unexplained` those whose reason says nothing; `foreign` keys that were written and that the
    target does not have; `recipe` why the recipe does not load; `apart` what is another value after
    config -> recipe -> config: (key, value before, value after); `again` is that config, as text.
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
    foreign: list[str] = field(default_factory=list)
    recipe: str = ""
    again: str = ""
    beside: dict[str, str] = field(default_factory=dict)  # files that belong to `again`
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
    made = file.converted[target]
    if target == file.other:
        for path, message, _ in schemas.problems(target, made.version, made.native):
            file.foreign.append(f"to {target}: {path} {message}")


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
    back = again(file.tool, made.read_as, tables)
    file.again = yaml.safe_dump(_plain_values(back.native), sort_keys=False, allow_unicode=True)
    file.beside = back.files
    after = dict(leaves(back.native))
    before = convert.understood(file.tool, made.read_as, found)
    told = convert.understood(file.tool, made.read_as, replace(found, values=back.native)).values
    for it in made.entries:
        if it.kind != "exact":
            continue
        file.held += 1
        same = _same(it.value, after.get(it.path))
        names = before.heard.get(it.path, ())
        if not same and (it.path not in after or _main(file.tool, made.read_as, it.path, names)):
            # under another name of the tool's, or in other words
            same = bool(names) and all(before.values[name] == told.get(name) for name in names)
        if not same:
            file.apart.append((it.path, it.value, after.get(it.path)))


def _main(tool: str, version: str, path: str, names: Iterable[str]) -> bool:
    """Whether the key is the one that tells of these concepts."""
    return any(dialect.place(tool, version, name) == path for name in names)


def again(tool: str, version: str, tables: Mapping[str, Any]) -> Writing:
    """The config of a tool that the tables of a recipe say, with what ftc adds to every one.

    ftc's own plugin is left out: it lies beside a build, and no keys come with it. The data sets
    are those of the recipe, not the files that ftc makes of them.
    """
    values = recipe.read(tables).values
    plan = neutral.plan(values | {"train_rows": 10_000})
    made = Writing()
    for key in backends.get(tool).KEYS:
        if not key.settings and not SETS & set(key.natives):
            made.native |= key.write(plan, version)
    made.add(dialect.write(tool, version, values))
    made.add(ROWS[tool].write(values, version))
    native = tables.get("backend", {}).get(tool, {})
    made.native = base.overridden(tool, made.native, native)[0]
    if "plugins" in made.native:
        made.native["plugins"] = [it for it in made.native["plugins"] if it != OWN_PLUGIN]
    return made


def _plain_values(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain_values(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain_values(inner) for inner in value]
    return value


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, bool) or isinstance(after, bool):
        return before is after
    if isinstance(before, (list, tuple)) and isinstance(after, (list, tuple)):
        return list(before) == list(after)
    return bool(before == after)
