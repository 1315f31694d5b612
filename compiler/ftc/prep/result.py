"""The finished rows of a recipe, as `ftc build` takes them: are they there, are they of today.

Light on purpose: it runs in every command that reads a recipe, with or without the libraries that
`ftc prepare` needs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, TypeVar

from ftc.errors import FtcError
from ftc.recipe import Recipe

STATE = "state.json"
S = TypeVar("S")


@dataclass(frozen=True)
class Read:
    """A file that was read, and what it was like then. `path` is relative to the recipe's folder,
    or absolute."""

    path: str
    size: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True)
class State:
    """What `ftc prepare` left when it had come to its end. `steps` maps names to keys."""

    settings: str
    steps: dict[str, str]
    files: tuple[Read, ...]
    train: int
    eval: int


def root(recipe: Recipe, folder: Path) -> Path:
    """The folder of the prepared data of a recipe that lies in `folder`."""
    prepare = recipe.preparation
    own = prepare.out if prepare else None
    return Path(os.path.normpath(folder / (own or f"prepared/{recipe.name}")))


def settings(recipe: Recipe) -> str:
    """A hash of everything in the recipe that decides about the rows."""
    prepare = recipe.preparation
    parts = [
        prepare.model_dump_json() if prepare else "",
        recipe.stage,
        recipe.data.eval,
        recipe.data.eval_path,
        recipe.training.seed,
    ]
    augment = recipe.augmentation
    if augment and (sheet := augment.sheet(recipe.name)):
        parts.append(sheet)
    return sha256(json.dumps(parts).encode()).hexdigest()


def write(place: Path, state: State) -> None:
    """Say that the rows in `place` are finished."""
    from ftc.prep.store import write_json  # noqa: PLC0415 - loads pyarrow, which readers do without

    write_json(place / STATE, asdict(state))


def read(place: Path) -> State | None:
    """What `write` wrote; None when it is not there."""
    return read_as(place, State)


def read_as(place: Path, kind: Callable[..., S]) -> S | None:
    """The state of a finished run, made of the values in its file; None when there is none."""
    try:
        said: dict[str, Any] = json.loads((place / STATE).read_text("utf-8"))
        return kind(**said | {"files": tuple(Read(**file) for file in said["files"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def used(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with its prepared rows as its data; the recipe itself when it has no [prepare].

    FtcError when they are not there, or when settings or files have changed since.
    """
    if recipe.preparation is None:
        return recipe
    check(recipe)
    place = root(recipe, folder)
    state = read(place)
    if state is None:
        raise FtcError(f"{place}: holds no prepared rows", hint="run first: ftc prepare RECIPE")
    why = stale(recipe, folder, state)
    if why:
        raise FtcError(f"{place}: {why}", hint="run again: ftc prepare RECIPE")
    name = Path(os.path.relpath(place, folder)).as_posix()
    own = recipe.data.eval_path
    changes: dict[str, Any] = {"path": f"{name}/train.jsonl", "eval": 0.0, "format": "auto"}
    if own is None and state.eval:
        changes["eval_path"] = f"{name}/eval.jsonl"
    return recipe.model_copy(update={"data": recipe.data.model_copy(update=changes)})


def check(recipe: Recipe) -> None:
    """FtcError when a recipe names its rows twice."""
    for key in ("path", "hub", "also"):
        if recipe.preparation is not None and getattr(recipe.data, key):
            raise FtcError(
                f"data.{key} and [prepare] are both given",
                hint="name it in prepare.sources, or take [prepare] out",
            )


def stale(recipe: Recipe, folder: Path, state: State) -> str:
    """Why prepared rows are not those of the recipe and its files; "" when they are."""
    if state.settings != settings(recipe):
        return "was prepared with other settings"
    return changed(folder, state.files, "it was prepared")


def changed(folder: Path, files: Iterable[Read], since: str) -> str:
    """Which of some files is not what it was; "" when all are."""
    for file in files:
        if not (folder / file.path).exists():
            return f"{file.path} is gone since {since}"
        if _changed(folder / file.path, file):
            return f"{file.path} has changed since {since}"
    return ""


def seen(path: Path, folder: Path) -> Read:
    """A file as it is now; FtcError when it cannot be read."""
    try:
        at = path.stat()  # before its content: a later change is noticed
    except OSError as error:
        raise _unreadable(path, error) from error
    return Read(named(path, folder), at.st_size, at.st_mtime_ns, content_hash(path))


def named(path: Path, folder: Path) -> str:
    """A file relative to the recipe's folder, where it lies below it."""
    return (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()


def _changed(path: Path, file: Read) -> bool:
    """Whether the content is another; a file of another age is read to find out."""
    found = path.stat()
    if (found.st_size, found.st_mtime_ns) == (file.size, file.mtime_ns):
        return False
    return found.st_size != file.size or content_hash(path) != file.sha256


def content_hash(path: Path) -> str:
    """sha256 of a file; FtcError when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> FtcError:
    return FtcError(f"{path}: cannot be read: {error.strerror or error}")
