"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

RECIPE = click.argument("recipe", type=click.Path(path_type=Path))
BACKEND = click.option(
    "--backend", "-b", required=True, metavar="NAME[@VERSION]", help="axolotl or llamafactory."
)
OFFLINE = click.option("--offline", is_flag=True, help="Ask no hub; use what is on this machine.")
FORMAT = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
IGNORE = click.option("--ignore", multiple=True, metavar="RULE", help="Leave a rule out.")
STRICT = click.option("--strict", is_flag=True, help="Warnings count as errors.")
BUILDS = click.option(
    "--out", type=click.Path(path_type=Path), default=Path("build"), show_default=True
)
TEMPLATES = click.option(
    "--templates", type=click.Path(path_type=Path), help="Your own template folder."
)
