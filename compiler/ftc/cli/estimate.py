"""The command that says what a run will need, before it is started: estimate."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from ftc.cli.options import FILE, FORMAT, OFFLINE
from ftc.cli.shown import compiled, show_json

if TYPE_CHECKING:
    from pathlib import Path

    from ftc.estimate.report import Report
    from ftc.memory.measured import Row

OBSERVED = "observed.csv"  # a team's own measured runs, in the working folder


@click.command()
@click.argument("recipe", type=FILE, required=False)
@click.option("--backend", "-b", multiple=True, metavar="NAME[@VERSION]", help="Default: both.")
@click.option("--gpu", help="A card instead of the recipe's, such as 'RTX 4090'.")
@click.option(
    "--vram", type=float, metavar="GIB", help="A budget per card instead of the recipe's."
)
@click.option("--plot", type=FILE, help="Draw it into a file: .svg, .png or .html.")
@click.option(
    "--observe", "run", type=FILE, metavar="RUN", help="Keep the peak of a finished run instead."
)
@click.option(
    "--observed", type=FILE, help=f"Measured runs of your own; default: {OBSERVED}, if it is there."
)
@OFFLINE
@FORMAT
def estimate(
    recipe: Path | None,
    backend: tuple[str, ...],
    gpu: str | None,
    vram: float | None,
    plot: Path | None,
    run: Path | None,
    observed: Path | None,
    offline: bool,
    form: str,
) -> int:
    """Say what a recipe will need: memory, time, price and disk.

    Nothing is downloaded but the model's config.json. Exit code 1 when it does not fit.

    \b
    Example: ftc estimate recipe.toml --gpu "RTX 4090" --plot memory.html
             ftc estimate --observe runs/support-voice-axolotl-1a2b3c4d
    """
    if run is not None:
        if recipe is not None or backend or gpu or vram is not None or plot is not None:
            raise click.UsageError("--observe takes a run folder, and --observed and --format only")
        return _observe(run, observed, form)
    if recipe is None:
        raise click.UsageError("name a recipe, or a run with --observe")
    from ftc.estimate import drawing
    from ftc.estimate.figures import report
    from ftc.estimate.hardware import overlaid

    if plot is not None:
        drawing.check(plot)

    rows = _rows(observed)
    it = compiled(recipe, backend, offline, lambda said: overlaid(said, gpu, vram))
    found = report(it, rows)
    if plot is not None:
        drawing.write(plot, found)
    if form == "json":
        show_json(found.as_dict())
    else:
        _print(found)
        if plot is not None:
            click.echo(f"wrote {plot}")
    return int(not found.fits)


def _rows(observed: Path | None) -> tuple[Row, ...]:
    """Published runs and the team's own."""
    from pathlib import Path

    from ftc.errors import FtcError
    from ftc.memory.measured import read, shipped

    own = Path(OBSERVED) if observed is None else observed
    if own.is_file():
        return (*read(own), *shipped())
    if observed is not None:
        hint = "ftc estimate --observe RUN --observed FILE makes one"
        raise FtcError(f"{own}: no such file", hint=hint)
    return shipped()


def _observe(run: Path, observed: Path | None, form: str) -> int:
    import textwrap
    from pathlib import Path

    from ftc.estimate import observe, words

    path = Path(OBSERVED) if observed is None else observed
    found = observe.observe(run)
    added = observe.keep(path, found)
    if form == "json":
        told = [
            {
                "id": it.row.id,
                "metric": it.metric,
                "predicted_gib": round(it.predicted, 4),
                "measured_gib": round(it.measured, 4),
                "reading": it.row.reading,
            }
            for it in found
        ]
        show_json({"run": str(run), "file": str(path), "added_rows": added, "observed": told})
        return 0
    for it in found:
        error = f"{it.predicted / it.measured - 1:+.1%}"
        sizes = f"predicted {words.gib(it.predicted)} GiB, measured {words.gib(it.measured)} GiB"
        click.echo(f"{it.metric:<10}{sizes} ({error})")
        if it.row.reading:
            click.echo(textwrap.indent(textwrap.fill(it.row.reading, 70), " " * 10))
    click.echo(f"kept in {path}" if added else f"already in {path}")
    return 0


def _print(found: Report) -> None:
    from ftc import views
    from ftc.estimate import text

    laid = list(text.lines(found))
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty():
        click.echo(text.plain(laid))
    else:
        from rich.console import Console

        text.coloured(laid, Console())
    errors = [it for it in found.findings if it.severity == "error"]
    if errors:
        click.echo(f"\nbeside memory, these errors forbid a build\n{views.findings(errors)}")
