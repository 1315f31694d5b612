"""What rows are made with: prompts and models by name, for the state of a run and for locks."""

from __future__ import annotations

from pathlib import Path

from ftc import resources
from ftc.augment import gguf
from ftc.augment import judge as judges
from ftc.augment.judge import rubric
from ftc.augment.kinds import KINDS, own_prompts
from ftc.augment.prompts import Prompts
from ftc.augment.serving import asked
from ftc.augmentation import Augment, Endpoint
from ftc.prep.result import content_hash, named


def prompts(augment: Augment, folder: Path) -> dict[str, str]:
    """sha256 of the templates and the rubric that are used, by file: `templates/augment/...` for
    ftc's own, relative to `folder`, that of the recipe, for the user's. A template's hash covers
    what it includes and its schema. FtcError when one of them cannot be used."""
    library = Prompts(folder / augment.prompts if augment.prompts else None)
    wanted = [
        (name, own_prompts(make, folder).get(name))
        for make in augment.make
        for name in KINDS[make.kind].prompts
    ]
    found = {}
    if augment.judge:
        wanted += [(name, None) for name in judges.prompts(augment.judge)]
        if path := rubric.path(augment.judge, folder):
            found[_told(path, folder)] = content_hash(path)
    for name, file in wanted:
        template = library.load(name, file)
        found[_told(template.path, folder)] = template.hash
    return dict(sorted(found.items()))


def models(augment: Augment) -> dict[str, str]:
    """The models that are asked, by their name in the recipe."""
    return {name: _model(augment.models[name]) for name in asked(augment)}


def _model(endpoint: Endpoint) -> str:
    """As rows name it: of a GGUF file the name without its ending."""
    name = endpoint.model or gguf.FILE
    return Path(name).stem if endpoint.provider == "embedded" else name


def _told(path: Path, folder: Path) -> str:
    shipped = resources.folder("templates")
    if path.is_relative_to(shipped):
        return f"{shipped.name}/{path.relative_to(shipped).as_posix()}"
    return named(path, folder)
