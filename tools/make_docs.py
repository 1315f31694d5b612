"""Makes the pages of docs/ that follow from the code: recipe.md, factors.md, cli.md.

`python tools/make_docs.py --check` writes nothing and exits 1 when a page is out of date.
"""

from __future__ import annotations

import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from ftc import views
from ftc.cli import cli
from ftc.factors.table import Table, shipped
from ftc.part import Part
from ftc.recipe import SYNONYMS, Recipe, shape_of

DOCS = Path(__file__).parents[1] / "docs"
MADE = "<!-- Made by `make docs` from the code; do not edit. -->\n\n"


def main() -> int:
    """Write the pages, or compare them."""
    pages = {"recipe.md": recipe_page(), "factors.md": factors_page(), "cli.md": cli_page()}
    stale = []
    for name, text in pages.items():
        path = DOCS / name
        if path.is_file() and path.read_text("utf-8") == MADE + text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.write_text(MADE + text, "utf-8")
    if stale and "--check" in sys.argv:
        print(f"out of date: {', '.join(stale)}; run: make docs", file=sys.stderr)
        return 1
    print(f"docs: {', '.join(stale) if stale else 'nothing'} changed")
    return 0


def recipe_page() -> str:
    """The recipe language, table by table."""
    lines = [
        "# The recipe language",
        "",
        "A recipe is one TOML file. Only `name`, `model` and `[data]` (or `[prepare]`, where the",
        "rows are [still to be made](prepare.md)) must be there; every other",
        "setting is filled in from the facts and the [factor table](factors.md), and `ftc plan`",
        "shows all of them with where they come from. Unknown keys, wrong types and impossible",
        "values are refused with file, line and the nearest name. Paths are relative to the",
        "recipe.",
    ]
    lines += ["", "## Top level", "", *_fields(Recipe)]
    for name, shape in _tables():
        lines += ["", f"## `[{name}]`", "", *_fields(shape, f"{name}.")]
    lines += [
        "",
        "Under `[backend.axolotl]` and `[backend.llamafactory]` stand native keys of that tool.",
        "They are checked against its schema, win last, and each gives a finding that says what it",
        "overrode.",
        "",
        "## What other tools call it",
        "",
        "A refused key is answered with our name for it, and `ftc explain` takes these words too.",
        "",
        "| there | here |",
        "|---|---|",
        *(f"| `{word}` | `{path}` |" for word, path in sorted(SYNONYMS.items())),
        "",
    ]
    return "\n".join(lines)


def _tables(shape: type[BaseModel] = Recipe, path: str = "") -> Iterator[tuple[str, type[Part]]]:
    """Every table with its dotted name, each before the tables in it."""
    for name, field in shape.model_fields.items():
        inner = shape_of(name, field.annotation)
        if inner:
            named = (
                f"{path}{name}.NAME" if typing.get_origin(field.annotation) is dict else path + name
            )
            yield named, inner
            yield from _tables(inner, f"{named}.")


def _fields(shape: type[BaseModel], path: str = "") -> list[str]:
    lines = ["| key | values | default | what it is |", "|---|---|---|---|"]
    for name, field in shape.model_fields.items():
        if shape_of(name, field.annotation):
            many = {list: "tables", dict: "tables by name"}.get(
                typing.get_origin(field.annotation), "table"
            )
            named = name + (".NAME" if many == "tables by name" else "")
            anchor = f"{path}{named}".replace(".", "").lower()
            what = f"see [`[{path}{named}]`](#{anchor})"
            what = f"a table, {what}" if many == "table" else f"{field.description}, {what}"
            kind = "text or table" if path + name == "model" else many
            default = "must be given" if field.is_required() else ""
            lines.append(f"| `{name}` | {kind} | {default} | {what} |")
            continue
        if field.is_required():
            default = "must be given"
        elif field.default is None:
            default = "chosen" if shape.__name__ in ("Training", "Lora", "Preference") else "none"
        elif field.default is PydanticUndefined:
            given = field.get_default(call_default_factory=True)
            default = (
                f"`{given}`"
                if given and len(str(given)) < 60
                else "see there"
                if given
                else "empty"
            )
        else:
            default = f"`{field.default}`"
        bounds = "".join(f", {_bound(it)}" for it in field.metadata if _bound(it))
        what = (field.description or "").replace("|", "\\|")
        lines.append(f"| `{name}` | {_kind(field.annotation)}{bounds} | {default} | {what} |")
    return lines


def _kind(annotation: Any) -> str:
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _kind(parts[0])
    if origin is typing.Literal:
        return ", ".join(f"`{part}`" for part in parts)
    if origin is list:
        return f"list of {_kind(parts[0])}"
    if origin is dict or shape_of("", annotation):
        return "table"
    if parts:
        return " or ".join(_kind(part) for part in parts if part is not type(None))
    return {str: "text", int: "whole number", float: "number", bool: "true, false"}[annotation]


def _bound(it: Any) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    found = [f"{sign} {getattr(it, name):g}" for name, sign in signs.items() if hasattr(it, name)]
    return ", ".join(found)


def factors_page() -> str:
    """The factor table as one table a parameter."""
    table = shipped()
    lines = [
        "# The factor table",
        "",
        "Where a value comes from when a recipe leaves it out. Rows whose conditions all hold",
        f"compete; the kind that stands first decides: {', '.join(table.trust)}. Then the row with",
        "more conditions, then the first. Inside its own conditions the guide wins, and what",
        'others say is shown beside it; `[factors] prefer = "published"` in a recipe turns it',
        "round. A condition on something unknown does not hold.",
        "",
        'Lay your own table on top with `[factors] tables = ["team.toml"]`. A row with a known',
        "`id` replaces that row; rows without `kind` count as `team` and win:",
        "",
        "```toml",
        "[[value]]",
        'id = "our-rate"',
        'parameter = "learning_rate"',
        'when = { stage = ["sft"], method = ["lora"], params_b = { min = 6, max = 9 } }',
        "value = 1.5e-4",
        'source = "our sweep of March, 12 runs"',
        "```",
    ]
    for name in dict.fromkeys(row.parameter for row in table.value):
        lines += ["", f"## {name}", "", "| value | when | kind | source |", "|---|---|---|---|"]
        lines += _rows(table, name)
    return "\n".join(lines) + "\n"


def _rows(table: Table, name: str) -> Iterator[str]:
    for row in table.value:
        if row.parameter == name:
            source = row.source + (f"; {row.note}" if row.note else "")
            yield f"| {row.shown()} | {views.condition(row.when)} | {row.kind} | {source} |"
    for factor in table.factor:
        if name in factor.parameters:
            way = "up" if factor.shift > 0 else "down"
            when = views.condition(factor.when)
            yield f"| {way}: {factor.effect} | {when} | {factor.kind} | {factor.source} |"
    for limit in table.limit:
        if limit.parameter == name:
            when = views.condition(limit.when)
            yield f"| limit: {limit.effect} | {when} | {limit.kind} | {limit.source} |"


def cli_page() -> str:
    """Every command's help, as a terminal of 88 columns shows it."""
    lines = ["# Commands", "", _help(cli, "ftc")]
    for name, command in sorted(cli.commands.items()):
        lines += [f"\n## ftc {name}\n", _help(command, f"ftc {name}")]
        if isinstance(command, click.Group):
            for inner, sub in sorted(command.commands.items()):
                lines += [f"\n### ftc {name} {inner}\n", _help(sub, f"ftc {name} {inner}")]
    lines += [
        "",
        "## Exit codes",
        "",
        "0 done; 1 findings of error level (with `--strict`, warnings too); 2 unusable input or",
        "usage; 3 a bug in ftc; 4 a backend failed; 130 interrupted.",
        "",
    ]
    return "\n".join(lines)


def _help(command: click.Command, name: str) -> str:
    context = click.Context(command, info_name=name, terminal_width=88, max_content_width=88)
    return f"```\n{command.get_help(context).rstrip()}\n```"


if __name__ == "__main__":
    sys.exit(main())
