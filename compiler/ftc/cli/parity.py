"""Commands that show what the backends make of a recipe, and compare it: show, verify."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from ftc.cli.options import BACKEND, BUILDS, FILE, FORMAT, IGNORE, OFFLINE, RECIPE, TEMPLATES
from ftc.cli.shown import built_folder, say, show_json

if TYPE_CHECKING:
    from pathlib import Path

    from ftc.build import Built
    from ftc.parity.records import Level, Part
    from ftc.parity.shown import Shown


@click.command()
@RECIPE
@BACKEND
@click.option(
    "--rows", "-n", type=click.IntRange(0), default=3, show_default=True, help="0: all of them."
)
@click.option("--id", "ids", multiple=True, metavar="ROW", help="Only this row, by its id.")
@click.option(
    "--part", type=click.Choice(["train", "eval"]), default="train", help="Default: train."
)
@click.option("--html", type=FILE, help="Write a page instead of printing.")
@BUILDS
@TEMPLATES
@IGNORE
@OFFLINE
@FORMAT
def show(
    recipe: Path,
    backend: str,
    rows: int,
    ids: tuple[str, ...],
    part: Part,
    html: Path | None,
    out: Path,
    templates: Path | None,
    ignore: tuple[str, ...],
    offline: bool,
    form: str,
) -> int:
    """Show rows as a backend makes them, and which tokens it trains on.

    The tool's own preprocessing runs in its environment; no weights are needed.
    Example: ftc show recipe.toml --backend axolotl --rows 1
    """
    from ftc.parity import listing
    from ftc.run import environments

    name, version = environments.spec(backend)
    environments.require(name, version)
    if html is not None:
        _check_writable(html)
    built = built_folder(recipe, backend, out, templates, ignore, False, offline, form)
    if built is None:
        return 1
    found = _shown(built.folder, part, rows, ids, offline)
    if html is not None:
        _write(html, listing.page(found, built.plan.name, f"{name} {version}", part))
    if form == "json":
        told = {"backend": name, "version": version, "part": part, "folder": str(built.folder)}
        show_json(told | {"rows": [row.as_dict() for row in found]})
    elif html is None:
        _print(found)
    else:
        click.echo(f"wrote {html}")
    return 0


@click.command()
@RECIPE
@click.option(
    "--level",
    type=click.Choice(["tokens", "steps", "loss"]),
    default="steps",
    show_default=True,
    help="How far: each level takes in the ones before it.",
)
@click.option(
    "--backend",
    "-b",
    "specs",
    multiple=True,
    metavar="NAME[@VERSION]",
    help="A version of one of the two; the preferred ones by default.",
)
@click.option(
    "--rows", "-n", type=click.IntRange(1), help="Only the first rows, at --level tokens."
)
@click.option(
    "--steps",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="Optimizer steps to train at the level loss.",
)
@BUILDS
@TEMPLATES
@IGNORE
@OFFLINE
@FORMAT
def verify(
    recipe: Path,
    level: Level,
    specs: tuple[str, ...],
    rows: int | None,
    steps: int,
    out: Path,
    templates: Path | None,
    ignore: tuple[str, ...],
    offline: bool,
    form: str,
) -> int:
    """Prove that both backends train the same run, before any GPU hour is spent.

    Both tools' own preprocessing and trainers run on the CPU; no weights are needed. `tokens`
    compares every row, `steps` the schedule and what is trained too, `loss` trains a tiny model of
    the same architecture with both. The report is kept in both build folders. Exit code 1 when the
    runs are not equal, 4 when a backend fails.
    Example: ftc verify recipe.toml --level loss
    """
    from ftc.bars import Steps
    from ftc.parity import text
    from ftc.parity import verify as verification
    from ftc.run import environments

    if rows is not None and level != "tokens":
        raise click.UsageError("--rows goes with --level tokens: the steps depend on all rows")
    pair = verification.pair(specs)
    for line in pair:
        environments.require(line.backend, line.version)
    built: list[Built] = []
    for line in pair:
        made = built_folder(recipe, line.name, out, templates, ignore, False, offline, form)
        if made is None:
            return 1
        built.append(made)
    with Steps("verify") as shown:
        found = verification.verify(
            (built[0], built[1]),
            level,
            steps=steps,
            rows=rows,
            offline=offline,
            templates=templates,
            progress=shown.show,
        )
    if form == "json":
        show_json(found.as_dict())
    else:
        for name in found.changed:
            click.echo(f"changed by hand since ftc wrote it: {name}")
        click.echo(text.text(found.report))
        click.echo(f"kept as {verification.JSON} and {verification.PAGE} in")
        for folder in found.builds:
            click.echo(f"  {folder}")
    return int(not found.report.equal)


def _shown(build: Path, part: Part, count: int, ids: tuple[str, ...], offline: bool) -> list[Shown]:
    """The wanted rows; the backend reads no more of them than it must."""
    from ftc.bars import Steps
    from ftc.parity import origins, reader
    from ftc.parity.probe import probe

    records = reader.records(build, part)
    wanted = reader.numbers(records, ids) if ids else list(range(len(records)))[: count or None]
    if count > len(records) and not ids:
        say(f"{part}.jsonl has {len(records)} rows; all of them are shown")
    with Steps("rows") as steps:
        told = probe(
            build,
            level="tokens",
            rows=wanted[-1] + 1,
            offline=offline,
            progress=steps.show,
        )
    found = origins.rows(told.rows[part], records, reader.reader(build))
    return [row for row in found if not ids or set(ids) & set(row.ids)]


def _print(rows: list[Shown]) -> None:
    from ftc.parity import listing

    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    if plain or not sys.stdout.isatty():
        for line in listing.text(rows):
            click.echo(line)
        return
    from rich.console import Console

    listing.coloured(rows, Console())


def _check_writable(path: Path) -> None:
    """Before the backend loads, not after."""
    from ftc.errors import FtcError

    if path.is_dir() or not path.absolute().parent.is_dir():
        what = "is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise FtcError(f"{path}: {what}", hint="name a file, such as rows.html")


def _write(path: Path, page: str) -> None:
    from ftc.errors import FtcError

    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise FtcError(
            f"{path}: cannot be written: {error.strerror}", hint="choose another --html"
        ) from error
