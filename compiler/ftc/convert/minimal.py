"""A recipe without what ftc would choose anyway."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ftc.build import PREFERRED
from ftc.convert import text
from ftc.convert.convert import RECIPE, Converted
from ftc.convert.meaning import leaves
from ftc.convert.tables import look, put
from ftc.errors import FtcError
from ftc.factors.table import shipped
from ftc.facts.gather import gather
from ftc.plan import PATHS
from ftc.recipe import SHARES, Recipe
from ftc.resolve import resolve

# How the run is done, not what it is or where: facts are looked up once.
CHOSEN = {
    path
    for path in (*PATHS.values(), *(f"training.{name}" for name in SHARES))
    if path == "method" or path.startswith(("training.", "lora.", "preference."))
}


def minimal(found: Converted, *, offline: bool) -> Converted:
    """The recipe without each setting that changes nothing of the plan when it is left out.

    Data and model are looked up, as `ftc plan` does; FtcError when that is not possible, or when
    what was made is no recipe.
    """
    if found.target != RECIPE:
        raise FtcError("--minimal is for recipes", hint="--to recipe --minimal")
    whole = Recipe.model_validate(found.native)
    folder = found.source.absolute().parent
    facts, _ = gather(whole, folder, backends=PREFERRED, offline=offline, seed=whole.seed)
    table = shipped()
    wanted = resolve(whole, facts, table).values()
    tables = found.native
    for path in _settings(found.native):
        fewer = _without(tables, path)
        if resolve(Recipe.model_validate(fewer), facts, table).values() == wanted:
            tables = fewer
    return replace(found, native=tables, text=text.shortened(found.text, tables))


def _settings(tables: Mapping[str, Any]) -> Iterator[str]:
    for path, _ in leaves(tables):
        if path in CHOSEN:
            yield path


def _without(tables: Mapping[str, Any], path: str) -> dict[str, Any]:
    made = dict(tables)
    above, _, name = path.rpartition(".")
    if not above:
        del made[name]
        return made
    inner = {key: value for key, value in look(tables, above).items() if key != name}
    if inner:
        put(made, above, inner)
    else:
        del made[above]
    return made
