"""The command that says what differs between two runs: diff."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ftc.cli.options import FILE, FORMAT, OFFLINE
from ftc.cli.shown import show_json

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("a", type=FILE)
@click.argument("b", type=FILE)
@click.option("--all", "whole", is_flag=True, help="Paths, accounts, logging and dead keys too.")
@OFFLINE
@FORMAT
def diff(a: Path, b: Path, whole: bool, offline: bool, form: str) -> int:
    """Say what differs between two recipes, plans, configs, builds or runs, of either tool.

    Meanings are compared, not texts: a key that is called otherwise is no difference, and what one
    side leaves to a default is compared with that default. Exit code 1 when they train another
    model, 0 when they do not.

    \b
    Example: ftc diff old.yaml new.yaml
             ftc diff recipe.toml llamafactory/train.json --format json
             ftc diff runs/scripts-axolotl-1a2b3c4d runs/scripts-axolotl-5e6f7a8b
    """
    from ftc.convert import contrast
    from ftc.convert.diff import diff as difference

    found = difference(a, b, offline=offline)
    show_json(found.as_dict()) if form == "json" else click.echo(contrast.text(found, whole=whole))
    return int(found.training)
