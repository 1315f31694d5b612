"""The kinds of rows that `[[augment.make]]` names, by their name there."""

from __future__ import annotations

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
