"""By what the judge scores: ftc's own rubric of a method, or a file of the recipe."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import Field, ValidationError

from ftc import resources
from ftc.augmentation import Judge
from ftc.errors import FtcError
from ftc.part import Part, Text

LEVELS = 5
RUBRICS = ("rubric", "prometheus")  # methods that score by one
_HINT = 'a rubric is a text, or TOML with criterion = "..." and levels = ["...", ...] from 1 to 5'


class Rubric(Part):
    """What is asked about a row, and what each score means."""

    criterion: Text
    levels: list[Text] = Field(default_factory=list)


def path(judge: Judge, folder: Path) -> Path | None:
    """The file of the rubric, that of the recipe in `folder` or ftc's own; None for methods without
    one."""
    if judge.method not in RUBRICS:
        return None
    return folder / Path(judge.rubric).expanduser() if judge.rubric is not None else _shipped(judge)


def own(judge: Judge) -> Rubric:
    """ftc's rubric of the method; ValueError for a judge that has one of its own."""
    if judge.rubric is not None:
        raise ValueError(f"{judge.rubric} is to be read first")
    return _read(_shipped(judge))


def read(judge: Judge, folder: Path) -> Rubric | None:
    """The rubric of the recipe in `folder`, else ftc's own; None for methods without one.

    A file that ends in .toml has a criterion and may have levels; any other is the criterion.
    FtcError when it cannot be used.
    """
    file = path(judge, folder)
    if file is None:
        return None
    rubric = _read(file)
    if rubric.levels and len(rubric.levels) != LEVELS:
        raise FtcError(f"{file}: {len(rubric.levels)} levels, not {LEVELS}", hint=_HINT)
    if judge.method == "prometheus" and not rubric.levels:
        raise FtcError(f"{file}: no levels, which prometheus needs", hint=_HINT)
    return rubric


def _shipped(judge: Judge) -> Path:
    return resources.folder("templates") / "augment" / f"judge-{judge.method}.toml"


def _read(path: Path) -> Rubric:
    try:
        text = path.read_text(encoding="utf-8").strip()
        found = tomllib.loads(text) if path.suffix == ".toml" else {"criterion": text}
        return Rubric.model_validate(found)
    except OSError as error:
        raise FtcError(f"{path}: {error.strerror}", hint="check rubric = ...") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise FtcError(f"{path}: {place}: {first['msg']}", hint=_HINT) from error
    except ValueError as error:  # no UTF-8, no TOML
        raise FtcError(f"{path}: {error}", hint=_HINT) from error
