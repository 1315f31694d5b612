"""What commands print, and how a recipe is compiled with its progress shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ftc.build import Built, Compiled
    from ftc.diagnostics import Finding
    from ftc.recipe import Recipe


def compiled(
    recipe: Path,
    specs: tuple[str, ...],
    offline: bool,
    change: Callable[[Recipe], Recipe] = lambda recipe: recipe,
) -> Compiled:
    """A recipe resolved for backends; `change` says it in another way before it is looked up."""
    from ftc.backends import versions
    from ftc.bars import Steps
    from ftc.build import compile_recipe

    found = [versions.parse(text) for text in specs]
    targets = [(line.backend, line.version) for line in found]
    with Steps("reading", late=True) as steps:
        return compile_recipe(recipe, targets, offline=offline, progress=steps.show, change=change)


def built_folder(
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
        show_findings(refused.findings, form)
        if form == "text":
            say("nothing was built")
        return None


def show_built(built: Built, form: str) -> None:
    from ftc import views

    if form == "json":
        show_json(
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


def show_findings(found: list[Finding], form: str) -> None:
    from ftc import views

    if form == "json":
        show_json([finding.as_dict() for finding in found])
    else:
        click.echo(views.findings(found))


def exit_code(found: list[Finding], strict: bool) -> int:
    bad = ("error", "warning") if strict else ("error",)
    return int(any(finding.severity in bad for finding in found))


def show_json(data: Any) -> None:
    import json

    click.echo(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def say(text: str) -> None:
    click.echo(text, err=True)


def needs(extra: str, names: Sequence[str]) -> None:
    """FtcError when one of the modules, which this extra of ftc brings, is not installed."""
    from importlib.util import find_spec

    from ftc.errors import FtcError

    for name in names:
        if find_spec(name) is None:
            raise FtcError(f"{name} is not installed", hint=f'pip install "ftc[{extra}]"')
