"""Arguments and options that several commands share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pathlib import Path


class _File(click.Path):
    """A path. pathlib is imported when one is given: it is a fifth of what `ftc --help` costs."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        from pathlib import Path

        return Path(os.fsdecode(super().convert(value, param, ctx)))


FILE = _File()
RECIPE = click.argument("recipe", type=FILE)
BACKEND = click.option(
    "--backend", "-b", required=True, metavar="NAME[@VERSION]", help="axolotl or llamafactory."
)
OFFLINE = click.option("--offline", is_flag=True, help="Ask no hub; use what is on this machine.")
FORMAT = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
IGNORE = click.option("--ignore", multiple=True, metavar="RULE", help="Leave a rule out.")
STRICT = click.option("--strict", is_flag=True, help="Warnings count as errors.")
BUILDS = click.option("--out", type=FILE, default="build", show_default=True)
TEMPLATES = click.option("--templates", type=FILE, help="Your own template folder.")
