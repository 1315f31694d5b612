"""The kinds of rows that `[[augment.make]]` names, by their name there."""

from __future__ import annotations

from ftc.augment.kind import Kind
from ftc.augment.kinds import answer, evolve, paraphrase, restyle

KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (paraphrase.KIND, evolve.KIND, restyle.KIND, answer.KIND)
}
