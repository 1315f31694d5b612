"""Commands that make training rows of raw material, and show how they came about."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from ftc.cli.options import FILE, FORMAT, OFFLINE, RECIPE
from ftc.cli.shown import needs, say, show_json

if TYPE_CHECKING:
    from pathlib import Path

    from ftc.recipe import Recipe


NEEDED = ("pyarrow", "numpy", "daft", "ftfy", "phonenumbers", "stdnum", "pypdf")


@click.command()
@RECIPE
@click.option("--only", metavar="STEP", help="Stop after this step, such as clean.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="The cores of this machine, or the Ray cluster at RAY_ADDRESS.",
)
@click.option("--cores", type=click.IntRange(1), help="Processes on this machine; default: all.")
@FORMAT
def prepare(recipe: Path, only: str | None, engine: Any, cores: int | None, form: str) -> None:
    """Make training rows of the raw material that [prepare] names.

    Runs the steps whose input, settings or code have changed, and takes the others as they are.
    What an interrupted run has done is not done again.

    \b
    Example: ftc prepare recipe.toml
             ftc prepare recipe.toml --only deduplicate --engine ray
    """
    from ftc.bars import Steps

    said, folder = _read(recipe)
    try:
        with Steps("preparing") as steps:
            from ftc.prep.prepare import prepare as run

            found = run(said, folder, last=only, engine=engine, cores=cores, progress=steps.show)
    except KeyboardInterrupt:
        say("interrupted. What is done stays: the same command goes on from there.")
        os._exit(130)  # Daft's threads abort a Python that ends in the middle of a query
    from ftc.survey import text
    from ftc.survey.steps import survey

    state = survey(said, folder)
    if form == "json":
        show_json(text.as_dict(state))
        return
    click.echo(text.steps(state, fresh={it.done.step for it in found.ran if it.fresh}))
    click.echo(f"next: ftc data {recipe}" if found.split else f"stopped after {only}")


class _Data(click.Group):
    """`ftc data RECIPE` is `ftc data show RECIPE`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            args = ["show", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=_Data)
def data() -> None:
    """Show prepared data: the steps, one row's story, clusters, sheets to fill.

    \b
    Example: ftc data recipe.toml
             ftc data why 3f2a9c recipe.toml
    """


@data.command()
@RECIPE
@click.option("--samples", type=click.IntRange(0), default=0, help="Rows to show of each step.")
@click.option("--full", is_flag=True, help="Count the tokens of every row, not of a sample.")
@click.option("--plot", type=FILE, help="Draw it into a file: .svg or .png.")
@OFFLINE
@FORMAT
def show(
    recipe: Path, samples: int, full: bool, plot: Path | None, offline: bool, form: str
) -> None:
    """Show the steps, what they dropped and why, and what the rows are like.

    `ftc data RECIPE` is short for it.

    Example: ftc data show recipe.toml --samples 3 --plot data.svg
    """
    from ftc.bars import Steps

    said, folder = _read(recipe)
    from ftc.survey import text
    from ftc.survey.statistics import statistics
    from ftc.survey.steps import survey

    if plot is not None:
        from ftc.estimate import drawing

        drawing.check(plot, (".svg", ".png"))
    state = survey(said, folder, samples)
    with Steps("counting", late=True) as steps:
        told = statistics(said, folder, state, full, offline, steps.show)
    if plot is not None:
        from ftc.survey.plot import picture

        drawing.replace(plot, picture(state, told, plot.suffix.lower().removeprefix(".")))
    if form == "json":
        show_json(text.as_dict(state) | {"statistics": told.as_dict() if told else None})
        return
    click.echo(text.steps(state))
    if told:
        click.echo(text.statistics(told))
    if plot is not None:
        click.echo(f"wrote {plot}")


@data.command()
@click.argument("row")
@RECIPE
@FORMAT
def why(row: str, recipe: Path, form: str) -> None:
    """Tell the story of one row, by its id or the first digits of it.

    Rows of ftc prepare and of ftc augment, those that were left out too.

    Example: ftc data why 3f2a9c recipe.toml
    """
    said, folder = _read(recipe, augmented=True)
    from ftc.prep.result import root
    from ftc.survey import text
    from ftc.survey.made import augmented
    from ftc.survey.story import story

    found = story(root(said, folder), row, augmented(said, folder))
    show_json(found.as_dict()) if form == "json" else click.echo(text.story(found))


@data.command()
@click.argument("row")
@RECIPE
@FORMAT
def reveal(row: str, recipe: Path, form: str) -> None:
    """Show what stood where a row has placeholders, with the key that the recipe names.

    Example: ftc data reveal 3f2a9c recipe.toml
    """
    said, folder = _read(recipe)
    from ftc.survey.originals import originals
    from ftc.views import table

    found = originals(said, folder, row)
    if form == "json":
        show_json([{"placeholder": name, "original": value} for name, value in found])
    else:
        click.echo(table(found) if found else "nothing in this row was redacted")


@data.command()
@RECIPE
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
@FORMAT
def clusters(recipe: Path, limit: int, form: str) -> None:
    """List groups of duplicates, the largest first, with the row that was kept of each.

    Example: ftc data clusters recipe.toml --limit 50
    """
    said, folder = _read(recipe)
    from ftc.survey import text
    from ftc.survey.selection import clusters as found

    groups = found(said, folder, limit)
    show_json(groups) if form == "json" else click.echo(text.clusters(groups))


@data.command()
@RECIPE
@click.option("--out", type=FILE, required=True, help="Sheet to write: .jsonl or .csv.")
def annotate(recipe: Path, out: Path) -> None:
    """Write the chunks that are to become rows, for people to annotate.

    With a name that has no suffix, a folder that Argilla 2 loads.

    \b
    Example: ftc data annotate recipe.toml --out sheet.jsonl
             and, filled, in the recipe: [prepare.annotate] with file = "sheet.jsonl"
    """
    said, folder = _read(recipe)
    from ftc.survey.selection import sheet

    count = sheet(said, folder, out)
    key = "file" if out.suffix else "argilla"
    click.echo(f"wrote {count:,} chunks to {out}")
    click.echo(f"next: fill it, and name it in prepare.annotate.{key}")


@data.command()
@RECIPE
@click.option("--out", type=FILE, required=True, help="File to write: .jsonl or .csv.")
@click.option("--rows", type=click.IntRange(1), help="How many; default: as the recipe says.")
def review(recipe: Path, out: Path, rows: int | None) -> None:
    """Write the most doubtful rows, for a person to keep, drop or edit.

    \b
    Example: ftc data review recipe.toml --out review.csv
             and, edited, in the recipe: [prepare.quality] with review = "review.csv"
    """
    said, folder = _read(recipe)
    from ftc.survey.selection import queue

    count = queue(said, folder, out, rows)
    click.echo(f"wrote {count:,} rows to {out}")
    click.echo("next: edit it, and name it in prepare.quality.review")


def _read(path: Path, *, augmented: bool = False) -> tuple[Recipe, Path]:
    """A recipe that has [prepare] (or, where that will do, [augment]), and its folder."""
    from ftc.errors import FtcError
    from ftc.recipe import load

    needs("prepare", NEEDED)
    recipe = load(path)
    if recipe.preparation is None and not (augmented and recipe.augmentation):
        raise FtcError(
            f"{path}: has no [prepare]", hint='add one: [prepare] with sources = ["raw/"]'
        )
    return recipe, path.absolute().parent
