"""Commands that read a recipe: init, check, plan, explain, build."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
from ftc.cli.shown import (
    built_folder,
    compiled,
    exit_code,
    say,
    show_built,
    show_findings,
    show_json,
)

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("data", type=FILE)
@click.option("--model", "-m", required=True, help="Model folder or hub id.")
@click.option("--task", default="general", help="Kind of task, such as creative, qa or chat.")
@click.option("--method", default="auto", help="auto, lora, qlora or full.")
@click.option("--vram", type=float, help="Memory budget per card in GiB.")
@click.option("--gpu", help="Card name, such as 'RTX 4090'.")
@click.option("--cpu", is_flag=True, help="Train on the CPU (small models).")
@click.option("--name", help="Name of the recipe; the data file's by default.")
@click.option("--out", type=FILE, help="File to write; default: print.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def init(out: Path | None, force: bool, **flags: Any) -> None:
    """Write a commented recipe for a data file.

    Example: ftc init data/rows.jsonl --model Qwen/Qwen2.5-7B-Instruct --vram 24 --out recipe.toml
    """
    from pathlib import Path

    from ftc.init import recipe_text
    from ftc.init import write as write_recipe

    text = recipe_text(**flags, beside=out.absolute().parent if out else Path.cwd())
    if out is None:
        click.echo(text, nl=False)
        return
    write_recipe(out, text, force=force)
    click.echo(f"wrote {out}\nnext: ftc check {out}")


@click.command()
@RECIPE
@click.option("--backend", "-b", multiple=True, metavar="NAME[@VERSION]", help="Default: both.")
@click.option("--select", multiple=True, metavar="RULE", help="Only these rules.")
@IGNORE
@STRICT
@OFFLINE
@FORMAT
def check(
    recipe: Path,
    backend: tuple[str, ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    strict: bool,
    offline: bool,
    form: str,
) -> int:
    """Print every finding about a recipe, its data and its plan, or about a config of either tool.

    Of a config those rules run that need no rows. Exit code 1 when a finding is an error (or, with
    --strict, a warning).

    \b
    Example: ftc check recipe.toml --ignore too-few-rows
             ftc check qlora.yml --backend axolotl@0.19.0
    """
    if recipe.suffix.lower() in (".yaml", ".yml", ".json"):
        return _check_config(recipe, backend, select, ignore, strict, form)
    from ftc.build import findings

    found = findings(compiled(recipe, backend, offline), select=select, ignore=ignore)
    show_findings(found, form)
    return exit_code(found, strict)


def _check_config(
    path: Path,
    backend: tuple[str, ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    strict: bool,
    form: str,
) -> int:
    """The rules over a native config."""
    from ftc.backends import versions
    from ftc.convert.checked import check as check_config
    from ftc.convert.kinds import training
    from ftc.convert.source import read
    from ftc.errors import FtcError

    source = read(path)
    tool, version = training(source), ""
    for text in backend:
        line = versions.parse(text)
        if line.backend != tool:
            raise FtcError(f"{path}: is a config of {tool}, not of {line.backend}")
        version = line.version
    found = check_config(source, version=version, select=select, ignore=ignore)
    show_findings(found.findings, form)
    if found.unchecked and form == "text":
        say(f"{len(found.unchecked)} rules need rows, a model or a card that is not looked up here")
    return exit_code(found.findings, strict)


@click.command()
@RECIPE
@OFFLINE
@FORMAT
def plan(recipe: Path, offline: bool, form: str) -> None:
    """Print every training setting with the origin of its value.

    Example: ftc plan recipe.toml --format json
    """
    from ftc import views

    it = compiled(recipe, (), offline).plan
    show_json(it.as_dict()) if form == "json" else click.echo(views.plan(it))


@click.command()
@RECIPE
@click.argument("setting")
@OFFLINE
@FORMAT
def explain(recipe: Path, setting: str, offline: bool, form: str) -> None:
    """Print the chain that led to one value, and what would change it.

    Example: ftc explain recipe.toml learning_rate
    """
    from ftc import views
    from ftc.explain import setting_name

    name = setting_name(setting)
    it = compiled(recipe, (), offline).plan
    show_json(it.as_dict()[name]) if form == "json" else click.echo(views.explain(it, name))


@click.command()
@RECIPE
@BACKEND
@BUILDS
@TEMPLATES
@IGNORE
@STRICT
@OFFLINE
@FORMAT
def build(
    recipe: Path,
    backend: str,
    out: Path,
    templates: Path | None,
    ignore: tuple[str, ...],
    strict: bool,
    offline: bool,
    form: str,
) -> int:
    """Write the native config, the data and a lock into a build folder.

    Example: ftc build recipe.toml --backend axolotl
    """
    built = built_folder(recipe, backend, out, templates, ignore, strict, offline, form)
    if built is None:
        return 1
    show_built(built, form)
    return 0
