"""Commands that make and look after the environments of the real tools."""

from __future__ import annotations

from typing import Any

import click

from ftc.cli.options import FORMAT
from ftc.cli.shown import exit_code, show_findings, show_json


@click.group()
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
        show_json([_entry(entry) for entry in entries])
        return
    rows = [("backend", "version", "device", "python", "size", "environment")]
    for e in entries:
        where = str(e.environment.path) if e.environment else "not installed"
        size = f"{e.size / 1e9:.1f} GB" if e.size else ""
        rows.append((e.backend, e.version, e.device, e.python or e.requires, size, where))
    click.echo(views.table(rows))
    for folder in environments.leftovers():
        click.echo(f"of an older lock file, may be deleted: {folder}")
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
    show_findings(found, form)
    return exit_code(found, strict=False)


def _entry(entry: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(entry)
