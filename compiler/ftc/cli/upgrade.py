"""The command that brings native configs to another version of their tool: upgrade."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ftc.cli.options import BACKEND, FILE, FORMAT
from ftc.cli.shown import show_json

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("configs", type=FILE, nargs=-1, required=True, metavar="CONFIG...")
@BACKEND
@click.option("--from", "after", metavar="VERSION", help="The configs' own; default: any older.")
@click.option("--write", is_flag=True, help="Rewrite the files in place.")
@FORMAT
def upgrade(
    configs: tuple[Path, ...], backend: str, after: str | None, write: bool, form: str
) -> int:
    """Say which configs stop loading, or change meaning, on a version of their tool.

    Takes Axolotl's and LLaMA-Factory's configs, and folders of them (.yaml, .yml, .json). --write
    renames keys, replaces values and writes older defaults down, so that a run stays what it was;
    comments, order and quotes stay. What cannot be written safely is listed with what to do.

    Exit code 1 when a config does not load or would train otherwise, or is none; with --write,
    when one still does not load.

    \b
    Example: ftc upgrade configs/ --backend axolotl@0.21.0
             ftc upgrade qlora.yml --backend axolotl@0.21.0 --from 0.19.0 --write
    """
    from ftc.backends import versions
    from ftc.convert import upgrade_files, upgrade_shown

    line = versions.parse(backend)
    after = (after or "").rpartition("@")[2]
    if after and not after[0].isdigit():
        raise click.BadParameter(f"{after!r} is no version", param_hint="--from")
    report = upgrade_files.run(configs, line, after=after, write=write)
    if form == "json":
        show_json(report.as_dict())
    else:
        click.echo("\n".join(upgrade_shown.lines(report)))
    return int(not report.done)
