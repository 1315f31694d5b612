"""The finished rows of a recipe with [augment], as `ftc build` takes them: are they there, are they
of today. Light on purpose, as `ftc.prep.result` is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftc import resources
from ftc.errors import FtcError
from ftc.prep import result as prepared
from ftc.prep.result import Read
from ftc.recipe import Recipe, Rows

if TYPE_CHECKING:
    from ftc.augmentation import Augment

TRAIN, EVAL, LEDGER = "train.jsonl", "eval.jsonl", "ledger.parquet"
SPEED = {"in_flight", "per_minute", "timeout", "price_in", "price_out"}  # decide about no row
ROWS = {*Rows.model_fields, "also"}
HELD = {"eval", "eval_path"}


@dataclass(frozen=True)
class State:
    """What the rows were made with: a hash of settings and of ftc's templates, the keys of the
    steps of `ftc prepare` by name, and the user's files. `train` counts all rows that are trained
    on, `made` those of them that a model made in this run. For locks there are the models by name,
    and the sha256 of each prompt that is used and of the finished files."""

    settings: str
    prepared: dict[str, str]
    files: tuple[Read, ...]
    train: int = 0
    made: int = 0
    eval: int = 0
    models: dict[str, str] = field(default_factory=dict)
    prompts: dict[str, str] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)


def root(recipe: Recipe, folder: Path) -> Path:
    """The folder of the results for a recipe that lies in `folder`; FtcError without [augment]."""
    return Path(os.path.normpath(folder / _augment(recipe).folder(recipe.name)))


def sheet(recipe: Recipe, folder: Path) -> Path:
    """The sheet of annotations; FtcError when no kind of the recipe fills one."""
    name = _augment(recipe).sheet(recipe.name)
    if name is None:
        raise FtcError("no kind of this recipe takes raw chunks", hint='kind = "annotate" does')
    return Path(os.path.normpath(folder / name))


def now(recipe: Recipe, folder: Path) -> State:
    """Settings and files as they are; to be taken before rows are made of them."""
    from ftc.augment import origin  # noqa: PLC0415 - loads kinds, which readers do without

    augment = _augment(recipe)
    state = prepared.read(prepared.root(recipe, folder)) if recipe.preparation else None
    files = tuple(prepared.seen(path, folder) for path in _files(recipe, folder))
    return State(
        _settings(recipe),
        state.steps if state else {},
        files,
        models=origin.models(augment),
        prompts=origin.prompts(augment, folder),
    )


def read(place: Path) -> State | None:
    """The state that the last run left; None when none came to its end."""
    return prepared.read_as(place, State)


def locked(recipe: Recipe, folder: Path) -> dict[str, Any]:
    """What the lock of a build says of augmented rows; {} for a recipe without [augment]."""
    state = read(root(recipe, folder)) if recipe.augmentation else None
    if state is None:
        return {}
    return {
        "augment": {
            "rows": {"train": state.train, "made": state.made, "eval": state.eval},
            "files": state.sha256,
            "models": state.models,
            "prompts": state.prompts,
        }
    }


def used(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with the rows of `ftc augment` as its data, or with those of `ftc prepare` when it
    has no [augment]; the recipe itself when it has neither.

    FtcError when they are not there, or when settings or files have changed since.
    """
    if recipe.augmentation is None:
        return prepared.used(recipe, folder)
    prepared.check(recipe)
    place = root(recipe, folder)
    state = read(place)
    if state is None:
        raise FtcError(f"{place}: holds no augmented rows", hint="run first: ftc augment RECIPE")
    if why := stale(recipe, folder, state):
        raise FtcError(f"{place}: {why}", hint="run again: ftc augment RECIPE")
    name = Path(os.path.relpath(place, folder)).as_posix()
    changes: dict[str, Any] = {
        "path": f"{name}/{TRAIN}",
        "hub": None,
        "format": "auto",
        "columns": None,
        "also": [],
        "samples": None,  # taken before rows were made of them
        "eval": 0.0,
        "eval_path": f"{name}/{EVAL}" if state.eval else None,
    }
    return recipe.model_copy(update={"data": recipe.data.model_copy(update=changes)})


def stale(recipe: Recipe, folder: Path, state: State) -> str:
    """Why augmented rows are not those of the recipe and its files; "" when they are."""
    if state.settings != _settings(recipe):
        return "was made with other settings or prompts"
    if recipe.preparation is not None:
        rows = prepared.read(prepared.root(recipe, folder))
        if rows is None:
            return "the prepared rows are gone"
        if why := prepared.stale(recipe, folder, rows):
            return f"the data {why}"
        if rows.steps != state.prepared:
            return "was made of other prepared rows"
    there = {prepared.named(path, folder) for path in _files(recipe, folder)}
    if more := there - {file.path for file in state.files}:
        return f"{min(more)} is new since"
    return prepared.changed(folder, state.files, "rows were made")


def _augment(recipe: Recipe) -> Augment:
    if recipe.augmentation is None:
        raise FtcError(
            "the recipe has no [augment]",
            hint='add one, for example: [[augment.make]] with kind = "paraphrase"',
        )
    return recipe.augmentation


def _settings(recipe: Recipe) -> str:
    """A hash of everything that decides about the rows, the user's files apart."""
    augment = _augment(recipe).model_dump(mode="json", exclude={"max_failed": True})
    augment["models"] = {
        name: {key: value for key, value in model.items() if key not in SPEED}
        for name, model in augment["models"].items()
    }
    parts = [
        augment,
        recipe.data.model_dump(mode="json", include=ROWS | HELD),
        prepared.settings(recipe),
        {
            path.name: prepared.content_hash(path)
            for path in _below(resources.folder("templates") / "augment")
        },
    ]
    return sha256(json.dumps(parts).encode()).hexdigest()


def _files(recipe: Recipe, folder: Path) -> Iterator[Path]:
    """The user's files that rows are made with: data, prompts, rubric."""
    augment = _augment(recipe)
    names: list[str | None] = [make.prompt for make in augment.make]
    names.append(augment.judge.rubric if augment.judge else None)
    if recipe.preparation is None:
        names = [*(it.path for it in recipe.data.all), recipe.data.eval_path, *names]
    for name in dict.fromkeys(names):
        if name:
            yield folder / Path(name).expanduser()
    if augment.prompts:
        yield from _below(folder / Path(augment.prompts).expanduser())


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
