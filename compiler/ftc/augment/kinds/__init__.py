"""The kinds of rows that `[[augment.make]]` names, by their name there."""

from __future__ import annotations

from pathlib import Path

from ftc.augment.kind import Kind
from ftc.augment.kinds import (
    annotate,
    answer,
    document_qa,
    evolve,
    multi_turn,
    paraphrase,
    preference,
    restyle,
    self_instruct,
    translate,
)
from ftc.augmentation import Make

_ALL = (
    paraphrase,
    evolve,
    self_instruct,
    restyle,
    answer,
    multi_turn,
    preference,
    translate,
    annotate,
    document_qa,
)
KINDS: dict[str, Kind] = {module.KIND.name: module.KIND for module in _ALL}


def own_prompts(make: Make, folder: Path) -> dict[str, Path]:
    """The template that a recipe in `folder` names for a kind, by the name of the one it replaces:
    the first of the kind."""
    return (
        {KINDS[make.kind].prompts[0]: folder / Path(make.prompt).expanduser()}
        if make.prompt
        else {}
    )
