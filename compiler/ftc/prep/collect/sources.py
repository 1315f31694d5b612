"""The files that `prepare.sources` names: files, folders, globs and data sets of the hub."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ftc import recipe
from ftc.diagnostics import nearest
from ftc.errors import FtcError
from ftc.prep.collect.opened import suffix
from ftc.prep.step import Inputs

HUB = "hub:"
KINDS = {
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".docx": "docx",
    ".eml": "mail",
    ".mbox": "mbox",
    ".srt": "subtitles",
    ".vtt": "subtitles",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
}
_DATA_SET = re.compile(
    r"(?P<hub>[^/@#]+(?:/[^/@#]+)?)(?:/(?P<subset>[^/@#]+))?"
    r"(?:@(?P<revision>[^#]+))?(?:#(?P<split>.+))?"
)
_OUT = "prepared"  # where the results of `ftc prepare` lie


class Found(NamedTuple):
    """A source; `kind` is "" where ftc cannot read it, `name` is relative to the recipe."""

    path: Path
    name: str
    kind: str
    size: int


def found(inputs: Inputs) -> list[Found]:
    """All sources, each once, by name. FtcError when an entry matches nothing, or none is left.

    Hidden files and folders, and the results of `ftc prepare`, are no sources unless named.
    """
    out = (inputs.folder / (inputs.prepare.out or _OUT)).resolve()
    files: dict[str, Found] = {}
    for entry in inputs.prepare.sources:
        if entry.startswith(HUB):
            data_set(entry)
            files[entry] = Found(Path(entry), entry, "hub", 0)
            continue
        paths = list(_paths(entry, inputs.folder, out))
        if not paths:
            if (inputs.folder / entry).is_dir():
                raise FtcError(
                    f"prepare.sources: {entry!r} is a folder without files",
                    hint="put raw material there, or take it out of prepare.sources",
                )
            raise FtcError(
                f"prepare.sources: {entry!r} matches no file", hint=_hint(entry, inputs.folder)
            )
        for path in paths:
            real = str(path.resolve())
            one = _file(path, inputs.folder)
            if real not in files or one.name < files[real].name:
                files[real] = one
    listed = sorted(files.values(), key=lambda one: one.name)
    if not any(one.kind for one in listed):
        kinds = ", ".join(dict.fromkeys(KINDS))
        raise FtcError(
            f"prepare.sources: none of {len(listed)} files is of a kind that ftc reads",
            hint=f"ftc reads {kinds}, and .gz of these",
        )
    return listed


def data_set(entry: str) -> recipe.Data:
    """hub:OWNER/NAME[/SUBSET][@REVISION][#SPLIT]; FtcError when it is spelled otherwise."""
    match = _DATA_SET.fullmatch(entry.removeprefix(HUB))
    if match is None:
        raise FtcError(
            f"prepare.sources: {entry!r} names no data set of the hub",
            hint="for example: hub:openai/gsm8k/main#train",
        )
    named = {key: value for key, value in match.groupdict().items() if value}
    return recipe.Data.model_validate(named)


def _paths(entry: str, folder: Path, out: Path) -> Iterator[Path]:
    """The files of an entry; those in `out` only where the entry names them or their folder."""
    path = folder / Path(entry).expanduser()
    if path.is_dir():
        named = _within(path, out)
        yield from (one for one in _walk(path) if named or not _within(one, out))
    elif path.exists():
        yield path
    elif glob.has_magic(entry):
        for match in sorted(glob.glob(str(path), recursive=True)):  # noqa: PTH207 - Path has no absolute ones
            if not Path(match).is_dir() and not _within(Path(match), out):
                yield Path(match)


def _walk(top: Path) -> Iterator[Path]:
    """Files below a folder; a folder that cannot be listed is given by itself."""
    closed: list[Path] = []
    for folder, folders, files in os.walk(
        top, onerror=lambda error: closed.append(Path(error.filename))
    ):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder) / name for name in sorted(files) if not name.startswith("."))
    yield from closed


def _within(path: Path, out: Path) -> bool:
    return path.resolve().is_relative_to(out)


def _file(path: Path, folder: Path) -> Found:
    name = Path(os.path.relpath(path, folder)).as_posix()
    try:
        size = path.stat().st_size
    except OSError:
        size = 0  # a link to nothing: said when it is read
    kind = "" if path.is_dir() else KINDS.get(suffix(path.name), "")
    return Found(path, name, kind, size)


def _hint(entry: str, folder: Path) -> str:
    path = folder / Path(entry).expanduser()
    parent = path.parent
    if parent.is_dir():
        guess = nearest(path.name, sorted(other.name for other in parent.iterdir()))
        if guess:
            return f"did you mean {(Path(entry).parent / guess).as_posix()!r}?"
    if glob.has_magic(entry):
        return "a glob is relative to the recipe's folder; ** goes through folders"
    return "paths are relative to the folder of the recipe; a data set of the hub is hub:ORG/NAME"
