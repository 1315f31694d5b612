"""Finds the setting that a person means, whichever tool's word they use for it."""

from __future__ import annotations

from collections.abc import Sequence

from ftc.diagnostics import nearest
from ftc.errors import FtcError
from ftc.factors.table import PARAMETERS
from ftc.plan import PATHS
from ftc.recipe import SYNONYMS
from ftc.views import GROUPS

_SETTINGS = tuple(name for names in GROUPS.values() for name in names)
_BY_PATH = {path: name for name, path in PATHS.items()}


def setting_name(word: str) -> str:
    """The plan's name for `learning_rate`, `training.learning_rate`, `lora_r`, ..."""
    return _named(word, _SETTINGS)


def parameter_name(word: str) -> str:
    """The factor table's name for a word."""
    return _named(word, PARAMETERS)


def _named(word: str, known: Sequence[str]) -> str:
    wanted = word.strip().lower().replace("-", "_")
    path = SYNONYMS.get(wanted, wanted)
    name = _BY_PATH.get(path, wanted)
    if name in known:
        return name
    guess = nearest(wanted, [*known, *SYNONYMS])
    raise FtcError(
        f"no setting is called {word!r}",
        hint=f"did you mean {guess}?" if guess else f"one of: {', '.join(known)}",
    )
