"""Commands that take configs of the tools: convert."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ftc.cli.options import FILE, FORMAT, OFFLINE
from ftc.cli.shown import say, show_json

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("config", type=FILE)
@click.option(
    "--to", "target", required=True, metavar="NAME[@VERSION]", help="recipe, axolotl, llamafactory."
)
@click.option("--from", "read_as", metavar="NAME@VERSION", help="Version that the config is for.")
@click.option("--out", type=FILE, help="File to write; default: print.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.option("--minimal", is_flag=True, help="Of a recipe, only what ftc would not choose anyway.")
@click.option("--allow-lossy", is_flag=True, help="Write it even when training changes.")
@click.option("--all", "whole", is_flag=True, help="List the keys that came through as well.")
@OFFLINE
@FORMAT
def convert(
    config: Path,
    target: str,
    read_as: str | None,
    out: Path | None,
    force: bool,
    minimal: bool,
    allow_lossy: bool,
    whole: bool,
    offline: bool,
    form: str,
) -> int:
    """Write an Axolotl or LLaMA-Factory config as a recipe, or for the other tool.

    Every key that is set is accounted for: exact, converted, approximate, untranslatable, ignored
    by its own tool, or a matter of the site. What the source leaves to its tool is said in full.
    Exit code 1, and nothing written, when something is lost that changes training, unless
    --allow-lossy.

    \b
    Example: ftc convert qlora.yml --to recipe --out recipe.toml
             ftc convert qlora.yml --to llamafactory --out train.yaml
             ftc convert train.yaml --to axolotl@0.19.0 --format json
    """
    from ftc.convert import shown
    from ftc.convert.convert import convert as run
    from ftc.convert.convert import target_of, written
    from ftc.convert.source import read

    tool, version = target_of(target)
    found = run(read(config), tool, read_as=read_as or "", version=version)
    if minimal:
        from ftc.convert.minimal import minimal as shortened

        found = shortened(found, offline=offline)
    refused = bool(found.lost) and not allow_lossy
    places = written(found, out, force=force) if out and not refused else ()
    if form == "json":
        show_json(found.as_dict() | {"text": found.text, "written": [str(it) for it in places]})
        return int(refused)
    if not out and not refused:
        click.echo(found.text, nl=False)
    click.echo(shown.ledger(found, whole=whole), err=not out and not refused)
    for place in places:
        click.echo(f"wrote {place}")
    if out and not refused and tool == "llamafactory" and out.suffix == ".json":
        say("beware: LLaMA-Factory 0.9.5 opens no file named .json: name it .yaml")
    if refused:
        say(
            f"error: {len(found.lost)} of the keys change training and would be lost; nothing was "
            "written\n  try: --allow-lossy, or change them in the config first"
        )
    return int(refused)
