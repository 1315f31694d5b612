"""Commands that print what ftc knows: factors, rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ftc.cli.options import FILE, FORMAT
from ftc.cli.shown import show_json

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("parameter", required=False, default="")
@click.option("--recipe", type=FILE, help="With this recipe's own tables.")
@FORMAT
def factors(parameter: str, recipe: Path | None, form: str) -> None:
    """Print the factor table: values, conditions, kinds and sources.

    Example: ftc factors learning_rate
    """
    from ftc import views
    from ftc.explain import parameter_name
    from ftc.factors.table import load

    overlays: list[Path] = []
    if recipe is not None:
        from ftc.recipe import load as load_recipe

        overlays = [recipe.parent / name for name in load_recipe(recipe).factors.tables]
    table = load(overlays)
    name = parameter_name(parameter) if parameter else ""
    if form == "json":
        show_json(table.as_dict())
    else:
        click.echo(views.factors(table, name))


@click.command()
@click.argument("name", required=False, default="")
@FORMAT
def rules(name: str, form: str) -> None:
    """List the rules of `ftc check`, or print the page of one.

    Example: ftc rules alpha-rank-ratio
    """
    from ftc import views
    from ftc.rules import pages

    if name:
        click.echo(pages.page(name))
    elif form == "json":
        show_json(pages.listing())
    else:
        entries = pages.listing()
        rows = [(e["code"], e["name"], e["severity"], e["summary"]) for e in entries]
        click.echo(views.table(rows))
