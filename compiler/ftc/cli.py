"""The command line: thin commands, the only printer, the only exit.

Commands import what they run when they run: `ftc --help` loads click and nothing else.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from ftc import __version__

if TYPE_CHECKING:
    from ftc.build import Built, Compiled
    from ftc.diagnostics import Finding

RECIPE = click.argument("recipe", type=click.Path(path_type=Path))
BACKEND = click.option(
    "--backend", "-b", required=True, metavar="NAME[@VERSION]", help="axolotl or llamafactory."
)
OFFLINE = click.option("--offline", is_flag=True, help="Ask no hub; use what is on this machine.")
FORMAT = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
IGNORE = click.option("--ignore", multiple=True, metavar="RULE", help="Leave a rule out.")
STRICT = click.option("--strict", is_flag=True, help="Warnings count as errors.")


def main() -> NoReturn:
    """Run a command and turn what it raises into a message and an exit code."""
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        _say("interrupted")
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except KeyboardInterrupt as error:
        _say(f"interrupted. {getattr(error, 'hint', '')}".rstrip())
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        sys.exit(_failed(error))
    sys.exit(code if isinstance(code, int) else 0)


def _failed(error: Exception) -> int:
    from ftc.errors import FtcError

    if isinstance(error, FtcError):
        _say(f"error: {error}")
        if error.hint:
            _say(f"  try: {error.hint}")
        return error.exit_code
    import traceback

    traceback.print_exception(error)
    _say("\nThis is a bug in ftc, not in your recipe. Please report it with the lines above.")
    return 3


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", message="ftc %(version)s")
def cli() -> None:
    """Compile a fine-tuning recipe into an Axolotl or LLaMA-Factory run.

    \b
    ftc init data.jsonl --model Qwen/Qwen2.5-7B-Instruct --vram 24 --out recipe.toml
    ftc check recipe.toml
    ftc backend install llamafactory --cpu
    ftc run recipe.toml --backend llamafactory
    """


@cli.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--model", "-m", required=True, help="Model folder or hub id.")
@click.option("--task", default="general", help="Kind of task, such as creative, qa or chat.")
@click.option("--method", default="auto", help="auto, lora, qlora or full.")
@click.option("--vram", type=float, help="Memory budget per card in GiB.")
@click.option("--gpu", help="Card name, such as 'RTX 4090'.")
@click.option("--cpu", is_flag=True, help="Train on the CPU (small models).")
@click.option("--name", help="Name of the recipe; the data file's by default.")
@click.option("--out", type=click.Path(path_type=Path), help="File to write; default: print.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def init(out: Path | None, force: bool, **flags: Any) -> None:
    """Write a commented recipe for a data file.

    Example: ftc init data/rows.jsonl --model Qwen/Qwen2.5-7B-Instruct --vram 24 --out recipe.toml
    """
    from ftc.init import recipe_text
    from ftc.init import write as write_recipe

    text = recipe_text(**flags, beside=out.absolute().parent if out else Path.cwd())
    if out is None:
        click.echo(text, nl=False)
        return
    write_recipe(out, text, force=force)
    click.echo(f"wrote {out}\nnext: ftc check {out}")


@cli.command()
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
    """Print every finding about a recipe, its data and its plan.

    Exit code 1 when one is an error (or, with --strict, a warning).
    Example: ftc check recipe.toml --ignore too-few-rows
    """
    from ftc.build import findings

    found = findings(_compiled(recipe, backend, offline), select=select, ignore=ignore)
    _show_findings(found, form)
    return _code(found, strict)


@cli.command()
@RECIPE
@OFFLINE
@FORMAT
def plan(recipe: Path, offline: bool, form: str) -> None:
    """Print every training setting with the origin of its value.

    Example: ftc plan recipe.toml --format json
    """
    from ftc import views

    it = _compiled(recipe, (), offline).plan
    _print(it.as_dict()) if form == "json" else click.echo(views.plan(it))


@cli.command()
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
    it = _compiled(recipe, (), offline).plan
    _print(it.as_dict()[name]) if form == "json" else click.echo(views.explain(it, name))


@cli.command()
@click.argument("parameter", required=False, default="")
@click.option("--recipe", type=click.Path(path_type=Path), help="With this recipe's own tables.")
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
        _print(table.model_dump(mode="json", exclude_none=True))
    else:
        click.echo(views.factors(table, name))


@cli.command()
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
        _print(pages.listing())
    else:
        entries = pages.listing()
        rows = [(e["code"], e["name"], e["severity"], e["summary"]) for e in entries]
        click.echo(views.table(rows))


@cli.command()
@RECIPE
@BACKEND
@click.option("--out", type=click.Path(path_type=Path), default=Path("build"), show_default=True)
@click.option("--templates", type=click.Path(path_type=Path), help="Your own template folder.")
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
    built = _built(recipe, backend, out, templates, ignore, strict, offline, form)
    if built is None:
        return 1
    _show_built(built, form)
    return 0


@cli.command()
@RECIPE
@BACKEND
@click.option("--out", type=click.Path(path_type=Path), default=Path("build"), show_default=True)
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True)
@click.option("--templates", type=click.Path(path_type=Path), help="Your own template folder.")
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
    built = _built(recipe, backend, out, templates, ignore, strict, offline, form)
    if built is None:
        return 1
    if form == "text":
        _show_built(built, form)
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
        _print(record.as_dict())
        return 0
    click.echo(record.summary())
    click.echo(f"next: ftc compare {record.folder}")
    return 0


@cli.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--prompt", "-p", multiple=True, help="Instead of the recipe's own prompts.")
@click.option("--max-new-tokens", type=click.IntRange(1, 8192), help="Length of an answer.")
@FORMAT
def compare(
    run_folder: Path, prompt: tuple[str, ...], max_new_tokens: int | None, form: str
) -> None:
    """Answer prompts with the model before and after training.

    Example: ftc compare runs/instagram-scripts-llamafactory-1a2b3c4d -p "Write a short script."
    """
    from ftc.bars import status
    from ftc.run import compare as comparison

    with status("loading the model", shown=form == "text") as say:
        pairs = comparison.compare(run_folder, list(prompt), max_new_tokens, progress=say)
    if form == "json":
        _print([pair.as_dict() for pair in pairs])
        return
    for pair in pairs:
        click.echo(f"prompt\n{_indented(pair.prompt)}\n")
        click.echo(f"before\n{_indented(pair.before)}\n")
        click.echo(f"after\n{_indented(pair.after)}\n")


@cli.group()
def backend() -> None:
    """Make and look after the environments of the real tools."""


@backend.command("install")
@click.argument("name", metavar="NAME[@VERSION]")
@click.option("--cpu", is_flag=True, help="The small environment for CPU runs.")
@click.option("--force", is_flag=True, help="Make it anew.")
def backend_install(name: str, cpu: bool, force: bool) -> None:
    """Make an isolated environment from the lock file that ships with ftc.

    Example: ftc backend install llamafactory --cpu
    """
    from ftc.bars import Steps
    from ftc.run import environments

    tool, version = environments.spec(name)
    with Steps(f"{tool} {version}") as steps:
        env = environments.install(tool, version, "cpu" if cpu else "gpu", steps.show, force)
    click.echo(f"{tool} {version} is ready: {env.path}")


@backend.command("list")
@FORMAT
def backend_list(form: str) -> None:
    """List the supported backends and what is installed.

    Example: ftc backend list --format json
    """
    from ftc import views
    from ftc.run import environments

    entries = environments.listing()
    if form == "json":
        _print([_entry(entry) for entry in entries])
        return
    rows = [("backend", "version", "device", "python", "size", "environment")]
    for e in entries:
        where = str(e.environment.path) if e.environment else "not installed"
        size = f"{e.size / 1e9:.1f} GB" if e.size else ""
        rows.append((e.backend, e.version, e.device, e.python or e.requires, size, where))
    click.echo(views.table(rows))
    for fault in dict.fromkeys(f"{e.backend} {e.version}: {e.fault}" for e in entries if e.fault):
        click.echo(f"known fault: {fault}")


@backend.command("path")
@click.argument("name", metavar="NAME[@VERSION]")
def backend_path(name: str) -> None:
    """Print the Python interpreter of an installed environment, for scripts.

    Example: $(ftc backend path axolotl) -m pip list
    """
    from ftc.run import environments

    click.echo(environments.require(*environments.spec(name)).python)


@backend.command("doctor")
@click.argument("name", metavar="NAME[@VERSION]", required=False)
@FORMAT
def backend_doctor(name: str | None, form: str) -> int:
    """Look the installed environments over and say what is wrong.

    Example: ftc backend doctor axolotl
    """
    from ftc.run import environments

    if name:
        installed = [environments.require(*environments.spec(name))]
    else:
        installed = [e.environment for e in environments.listing() if e.environment]
    if not installed:
        click.echo("no backend is installed\n  try: ftc backend install llamafactory --cpu")
        return 1
    found = []
    for env in installed:
        if form == "text":
            click.echo(f"{env.backend} {env.version} ({env.device}) in {env.path}")
        found += environments.doctor(env)
    _show_findings(found, form)
    return _code(found, strict=False)


def _entry(entry: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(entry)


def _compiled(recipe: Path, specs: tuple[str, ...], offline: bool) -> Compiled:
    from ftc.backends import versions
    from ftc.bars import Steps
    from ftc.build import compile_recipe

    found = [versions.parse(text) for text in specs]
    targets = [(line.backend, line.version) for line in found]
    with Steps("reading", late=True) as steps:
        return compile_recipe(recipe, targets, offline=offline, progress=steps.show)


def _built(
    recipe: Path,
    spec: str,
    out: Path,
    templates: Path | None,
    ignore: tuple[str, ...],
    strict: bool,
    offline: bool,
    form: str,
) -> Built | None:
    """A build, or None when findings forbid it; they are shown then."""
    from ftc.backends import versions
    from ftc.bars import Steps
    from ftc.build import Refused
    from ftc.build import build as build_recipe

    line = versions.parse(spec)
    try:
        with Steps("reading", late=True) as steps:
            return build_recipe(
                recipe,
                line.backend,
                line.version,
                out=out,
                templates=templates,
                offline=offline,
                strict=strict,
                ignore=ignore,
                progress=steps.show,
            )
    except Refused as refused:
        _show_findings(refused.findings, form)
        if form == "text":
            _say("nothing was built")
        return None


def _show_built(built: Built, form: str) -> None:
    from ftc import views

    if form == "json":
        _print(
            {
                "folder": str(built.folder),
                "reused": built.reused,
                "rows": built.rows,
                "findings": [finding.as_dict() for finding in built.findings],
            }
        )
        return
    if built.findings:
        click.echo(views.findings(built.findings))
    click.echo(views.rows(built.rows))
    click.echo(f"{'already built' if built.reused else 'built'} {built.folder}")


def _show_findings(found: list[Finding], form: str) -> None:
    from ftc import views

    if form == "json":
        _print([finding.as_dict() for finding in found])
    else:
        click.echo(views.findings(found))


def _code(found: list[Finding], strict: bool) -> int:
    bad = ("error", "warning") if strict else ("error",)
    return int(any(finding.severity in bad for finding in found))


def _indented(text: str) -> str:
    import textwrap

    lines = [textwrap.fill(line, 92) for line in text.splitlines()]
    return textwrap.indent("\n".join(lines), "  ")


def _print(data: Any) -> None:
    import json

    click.echo(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def _say(text: str) -> None:
    click.echo(text, err=True)
