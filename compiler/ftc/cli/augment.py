"""The command that has models make rows: augment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from ftc.cli.options import FORMAT, OFFLINE, RECIPE
from ftc.cli.shown import needs, say, show_json

if TYPE_CHECKING:
    from pathlib import Path

NEEDED = ("pyarrow", "numpy", "daft", "distilabel", "jinja2", "jsonschema", "httpx2")


@click.command()
@RECIPE
@click.option("--dry-run", is_flag=True, help="Say what it would ask and cost; ask nothing.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    help="Try it with N seeds of each kind; no file to train on is written.",
)
@click.option(
    "--resume/--fresh",
    default=True,
    show_default=True,
    help="Ask only what has no answer yet, or ask everything anew.",
)
@OFFLINE
@FORMAT
def augment(
    recipe: Path, dry_run: bool, limit: int | None, resume: bool, offline: bool, form: str
) -> int:
    """Have models make rows of yours, judge and filter them, as [augment] says.

    What it will ask and cost is said before the first question. Every answer is kept: the same
    command goes on where it was stopped, and asks nothing twice. Exit code 1 when more than
    augment.max_failed of the seeds got no answer that can be used.

    \b
    Example: ftc augment recipe.toml --dry-run
             ftc augment recipe.toml --limit 5
             ftc augment recipe.toml
    """
    from ftc.bars import Steps
    from ftc.errors import FtcError
    from ftc.recipe import load

    needs("augment", NEEDED)
    said, folder = load(recipe), recipe.absolute().parent
    if said.augmentation is None:
        raise FtcError(
            f"{recipe}: has no [augment]",
            hint='add one, for example: [[augment.make]] with kind = "paraphrase"',
        )
    from ftc.augment.augment import augment as run
    from ftc.augment.forecast import forecast
    from ftc.survey import augmented

    try:
        with Steps("augmenting") as steps:
            found = forecast(said, folder, limit=limit, offline=offline, progress=steps.show)
        if dry_run and form == "json":
            show_json(found.as_dict())
            return 0
        click.echo(augmented.forecast(found, said.augmentation), err=not dry_run)
        if dry_run:
            return 0
        with Steps("augmenting") as steps:
            done = run(
                said, folder, limit=limit, fresh=not resume, offline=offline, progress=steps.show
            )
    except KeyboardInterrupt:
        say("interrupted. Answers are kept: the same command goes on from there.")
        os._exit(130)  # threads of libraries would hold up the end
    show_json(done.as_dict()) if form == "json" else click.echo(augmented.report(done))
    bad = done.failed_share > said.augmentation.max_failed
    if bad:
        say(
            f"error: {done.failed_share:.0%} of the seeds got no answer that can be used, more "
            f"than augment.max_failed = {said.augmentation.max_failed:g}"
        )
    return int(bad)
