"""The formats that ftc reads, which columns show them, and which stage may use them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ftc import recipe
from ftc.data import json_rows, layouts
from ftc.data.example import Example
from ftc.data.table import Table
from ftc.diagnostics import nearest
from ftc.errors import FtcError


class Format(NamedTuple):
    """`needs`: of each group of names one column must be there. `row` is a sample for messages."""

    name: str
    needs: tuple[tuple[str, ...], ...]
    stages: tuple[recipe.Stage, ...]
    convert: Callable[[dict[str, Any]], Example]
    row: str

    def fits(self, columns: Iterable[str]) -> bool:
        """Whether columns of these names can hold rows of this format."""
        have = set(columns)
        return all(have & set(group) for group in self.needs)

    def expected(self) -> str:
        """The columns in words."""
        return ", ".join("/".join(group) for group in self.needs)


_CHATS = ("messages", "conversations", "conversation")
FORMATS: tuple[Format, ...] = (
    Format(
        "preference",
        (("chosen",), ("rejected",)),
        ("dpo", "orpo"),
        layouts.preference,
        '{"prompt": "...", "chosen": "...", "rejected": "..."}',
    ),
    Format(
        "kto",
        (("completion", *_CHATS), ("label", "kto_tag")),
        ("kto",),
        layouts.kto,
        '{"prompt": "...", "completion": "...", "label": true}',
    ),
    Format(
        "segments",
        (("segments",),),
        ("sft",),
        layouts.segments,
        '{"segments": [{"label": false, "text": "..."}, {"label": true, "text": "..."}]}',
    ),
    Format(
        "messages",
        (("messages",),),
        ("sft",),
        layouts.chat,
        '{"messages": [{"role": "user", "content": "..."}, ...]}',
    ),
    Format(
        "sharegpt",
        (("conversations", "conversation"),),
        ("sft",),
        layouts.chat,
        '{"conversations": [{"from": "human", "value": "..."}, ...]}',
    ),
    Format(
        "alpaca",
        (("instruction",), ("output",)),
        ("sft",),
        layouts.alpaca,
        '{"instruction": "...", "input": "...", "output": "..."}',
    ),
    Format("text", (("text",),), ("pretrain",), layouts.text, '{"text": "..."}'),
)
BY_NAME = {form.name: form for form in FORMATS}
# The roles of `columns = { role = "column" }`, and the column that a format knows it by.
ROLES: dict[str, str] = {
    "prompt": "instruction",
    "input": "input",
    "output": "output",
    "system": "system",
    "history": "history",
    "messages": "messages",
    "tools": "tools",
    "text": "text",
    "chosen": "chosen",
    "rejected": "rejected",
    "completion": "completion",
    "label": "label",
    "segments": "segments",
}
_GUESSES: dict[str, tuple[str, ...]] = {
    "prompt": ("instruction", "prompt", "question", "query", "problem", "input", "article"),
    "input": ("context", "input", "passage"),
    "output": ("output", "response", "answer", "completion", "solution", "summary", "target"),
    "text": ("content", "document", "body", "markdown"),
}


def choose(table: Table, data: recipe.Rows, stage: recipe.Stage) -> Format:
    """The format of a table: the one the recipe names, else the one that its columns show."""
    columns = table.columns()
    if data.format == "columns":
        return _named_columns(table, data.columns or {}, stage)
    if data.columns:
        raise FtcError(
            f"data.columns is given, but data.format is {data.format!r}",
            hint='set format = "columns", or leave columns out',
        )
    if data.format != "auto":
        form = BY_NAME[data.format]
        return form if stage in form.stages else _refuse_stage(table, [form], stage)
    fitting = [form for form in FORMATS if form.fits(columns) and form.name != "segments"]
    if segmented(row for _, row in table.rows):
        fitting.insert(0, BY_NAME["segments"])
    legal = [form for form in fitting if stage in form.stages]
    if legal:
        return legal[0]
    return _refuse_stage(table, fitting, stage) if fitting else _refuse(table, stage)


def segmented(rows: Iterable[dict[str, Any]]) -> bool:
    """Whether any of these rows has segments; rows of chats may stand before it."""
    name = json_rows.SEGMENTS
    return any(json_rows.segmented(name, row[name]) for row in rows if name in row)


def renamed(table: Table, names: dict[str, str]) -> Table:
    """The same rows with the columns that `names` (role to column) gives, under known names."""
    wanted = [(ROLES[role], column) for role, column in names.items()]
    rows = [
        (line, {known: row[column] for known, column in wanted if column in row})
        for line, row in table.rows
    ]
    return Table(table.file, table.kind, rows, table.rejected)


def _named_columns(table: Table, names: dict[str, str], stage: recipe.Stage) -> Format:
    if not names:
        raise FtcError(
            'data.format is "columns", but data.columns is missing',
            hint='for example: columns = { prompt = "question", output = "answer" }',
        )
    for role, column in names.items():
        if role not in ROLES:
            meant = nearest(role, ROLES) or f"one of {', '.join(ROLES)}"
            raise FtcError(f"data.columns.{role}: unknown role", hint=f"did you mean {meant}?")
        if column not in table.columns(len(table.rows)):
            have = ", ".join(table.columns())
            guess = nearest(column, table.columns())
            raise FtcError(
                f"data.columns.{role}: {table.file} has no column {column!r}; it has {have}",
                hint=f"did you mean {guess}?" if guess else "name one of its columns",
            )
    fitting = [form for form in FORMATS if form.fits(ROLES[role] for role in names)]
    legal = [form for form in fitting if stage in form.stages]
    if legal:
        return legal[0]
    if fitting:
        return _refuse_stage(table, fitting, stage)
    raise FtcError(
        f"data.columns: the roles {', '.join(names)} make no row for stage {stage}",
        hint="give prompt and output; or messages; or segments; or text; or prompt, chosen and "
        "rejected; or prompt, completion and label",
    )


def _refuse_stage(table: Table, forms: list[Format], stage: recipe.Stage) -> Format:
    usable = sorted({name for form in forms for name in form.stages})
    wanted = " or ".join(form.row for form in FORMATS if stage in form.stages)
    raise FtcError(
        f"{table.file}: holds {forms[0].name} rows, which stage {stage} cannot train on",
        hint=f"set stage = {' or '.join(map(repr, usable))}, or give rows such as {wanted}",
    )


def _refuse(table: Table, stage: recipe.Stage) -> Format:
    columns = table.columns()
    legal = [form for form in FORMATS if stage in form.stages]
    wanted = "; ".join(f"{form.name}: {form.expected()}" for form in legal)
    raise FtcError(
        f"{table.file}: its columns are {', '.join(columns)}; expected {wanted}",
        hint=suggestion(columns, stage),
    )


def suggestion(columns: list[str], stage: recipe.Stage) -> str:
    """What to write so that columns of other names can be used: a mapping or a nearest name."""
    lower = {column.lower(): column for column in columns}
    roles = {"sft": ("prompt", "input", "output"), "pretrain": ("text",)}.get(stage, ())
    found: dict[str, str] = {}
    for role in roles:
        free = [
            name for name in _GUESSES[role] if name in lower and lower[name] not in found.values()
        ]
        if free:
            found[role] = lower[free[0]]
    if found and (stage == "pretrain" or {"prompt", "output"} <= set(found)):
        pairs = ", ".join(f'{role} = "{column}"' for role, column in found.items())
        return f'set format = "columns" and columns = {{ {pairs} }}'
    known = {name for form in FORMATS if stage in form.stages for g in form.needs for name in g}
    near = [(nearest(name.lower(), known), name) for name in columns]
    meant = "; ".join(f"{name} may be meant as {guess}" for guess, name in near if guess)
    return meant or 'name them: format = "columns", columns = { prompt = "...", output = "..." }'
