"""Commands that train and look at what came out: run, compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ftc.cli.options import (
    BACKEND,
    BUILDS,
    FILE,
    FORMAT,
    IGNORE,
    OFFLINE,
    RECIPE,
    STRICT,
    TEMPLATES,
)
from ftc.cli.shown import built_folder, show_built, show_json

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@RECIPE
@BACKEND
@BUILDS
@click.option("--runs", type=FILE, default="runs", show_default=True)
@TEMPLATES
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint of this recipe.")
@IGNORE
@STRICT
@OFFLINE
@FORMAT
def run(
    recipe: Path,
    backend: str,
    out: Path,
    runs: Path,
    templates: Path | None,
    resume: bool,
    ignore: tuple[str, ...],
    strict: bool,
    offline: bool,
    form: str,
) -> int:
    """Build a recipe and train it with the real tool.

    Ctrl-C stops it cleanly; --resume goes on. Exit code 4 when the backend fails.
    Example: ftc run recipe.toml --backend llamafactory
    """
    from ftc.bars import Bar
    from ftc.run import environments, handover

    name, version = environments.spec(backend)
    environments.require(name, version)
    built = built_folder(recipe, backend, out, templates, ignore, strict, offline, form)
    if built is None:
        return 1
    if form == "text":
        show_built(built, form)
    with Bar(built.folder.name, shown=form == "text") as bar:
        record = handover.run(
            built.folder,
            name,
            version,
            runs=runs,
            resume=resume,
            offline=offline,
            on_event=bar.show,
        )
    if form == "json":
        show_json({"folder": str(record.folder), **record.as_dict()})
        return 0
    click.echo(record.summary())
    click.echo(f"next: ftc compare {record.folder}")
    return 0


@click.command()
@click.argument("run_folder", metavar="RUN", type=FILE)
@click.option("--prompt", "-p", multiple=True, help="Instead of the recipe's own prompts.")
@click.option("--max-new-tokens", type=click.IntRange(1, 8192), help="Length of an answer.")
@OFFLINE
@FORMAT
def compare(
    run_folder: Path,
    prompt: tuple[str, ...],
    max_new_tokens: int | None,
    offline: bool,
    form: str,
) -> None:
    """Answer prompts with the model before and after training.

    Example: ftc compare runs/instagram-scripts-llamafactory-1a2b3c4d -p "Write a short script."
    """
    from ftc.bars import status
    from ftc.run import compare as comparison

    with status("loading the model", shown=form == "text") as say:
        pairs = comparison.compare(
            run_folder, list(prompt), max_new_tokens, offline=offline, progress=say
        )
    if form == "json":
        show_json([pair.as_dict() for pair in pairs])
        return
    for pair in pairs:
        click.echo(f"prompt\n{_indented(pair.prompt)}\n")
        click.echo(f"before\n{_indented(pair.before)}\n")
        click.echo(f"after\n{_indented(pair.after)}\n")


def _indented(text: str) -> str:
    import textwrap

    lines = [textwrap.fill(line, 92) for line in text.splitlines()]
    return textwrap.indent("\n".join(lines), "  ")
