"""The recipe's [data], stage and model.family as concepts, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from ftc import recipe
from ftc.convert.meaning import Native, Note, Reading, Writing
from ftc.convert.rows import files, losses, templates
from ftc.convert.rows.parts import Rows, below, gather, leave, spread
from ftc.data import turns
from ftc.data.formats import ROLES
from ftc.facts import family as families

STAGES: tuple[str, ...] = get_args(recipe.Stage)
_PLAIN = ("path", "hub", "subset", "split", "revision", "samples", "system")
_ROLES = {"prompt": "instruction"}  # the recipe's word -> ours, where they differ
_TURNS = {"messages": "messages", "role": "role", "content": "content"}
_SHAREGPT = {"messages": "conversations", "role": "from", "content": "value"}
# The columns that each format has by itself.
_USUAL: dict[str, dict[str, str]] = {
    "messages": _TURNS,
    "sharegpt": _SHAREGPT,
    "alpaca": {"instruction": "instruction", "input": "input", "output": "output"},
    "text": {"text": "text"},
    "preference": {"chosen": "chosen", "rejected": "rejected"},
    "kto": {"completion": "completion", "label": "label"},
    "segments": {"segments": "segments"},
}
_CALLS = {"call": "assistant"}  # who makes a call
_LAYOUTS = {"sharegpt": "messages"}
_FOUND = ("role", "content")  # ftc sees by itself what the keys of a turn are called
_REASONING = ("reasoning_content", "thinking")  # keys of a turn that `ftc.data.turns` reads
# What ftc does with every row, and no recipe says.
_ALWAYS: dict[str, tuple[Any, ...]] = {
    "roles_to_train": (["assistant"],),
    "train_on_eos": ("turn", "all"),
    "split": ("train",),
    "prompt": (None,),
}
_GUESSED = "what its columns are is not known: ftc looks at the rows"


def read(tables: Native) -> Reading:
    """What [data], [[data.also]], stage and [model] family say; defaults of the recipe included."""
    reading = Reading({"stage": tables.get("stage", "sft")})
    if "stage" in tables:
        reading.heard["stage"] = ("stage",)
    data = tables.get("data") or {}
    also = data.get("also") or []
    for number, table in enumerate((data, *also)):
        key = f"data.also[{number - 1}]" if number else "data"
        rows, told = _rows(table)
        reading.values |= spread("train", number, rows)
        for path, parts in told.items():
            reading.heard[f"{key}.{path}"] = tuple(spread("train", number, dict.fromkeys(parts)))
    if data.get("eval_path"):
        reading.values["data.eval[0].path"] = data["eval_path"]
        reading.heard["data.eval_path"] = ("data.eval[0].path",)
    elif data:
        reading.values["data.eval_share"] = data.get("eval", recipe.Data().eval)
    if "eval" in data:
        reading.heard["data.eval"] = ("data.eval_share",)
    for key, concept in (("on_overflow", "data.overflow"), ("tokens", "tokens")):
        if key in data:
            reading.values[concept] = data[key]
            reading.heard[f"data.{key}"] = (concept,)
    model = tables.get("model")
    if isinstance(model, Mapping) and model.get("family"):
        reading.values["family"] = model["family"]
        reading.heard["model.family"] = ("family",)
    if reading.values["stage"] != "pretrain":
        reading.values["data.template"] = templates.OWN
    return reading


def _rows(table: Native) -> tuple[Rows, dict[str, list[str]]]:
    """The parts of one table, and which of them each key tells."""
    rows: Rows = {part: table[part] for part in _PLAIN if table.get(part) is not None}
    told = {part: [part] for part in rows}
    form = table.get("format", "auto")
    if form in _USUAL:
        rows["layout"] = _LAYOUTS.get(form, form)
        rows |= {f"columns.{role}": column for role, column in _USUAL[form].items()}
        told["format"] = ["layout", *(f"columns.{role}" for role in _USUAL[form])]
    columns = table.get("columns") or {}
    for role, column in columns.items():
        part = f"columns.{_ROLES.get(role, role)}"
        rows[part] = column
        told[f"columns.{role}"] = [part]
    if form == "columns":
        rows["layout"] = _shape(columns)
        told["format"] = ["layout"]
    elif form == "auto" and "format" in table:
        told["format"] = []
    return rows, told


def _shape(columns: Mapping[str, str]) -> str:
    for role, layout in (
        ("chosen", "preference"),
        ("label", "kto"),
        ("messages", "messages"),
        ("text", "text"),
        ("segments", "segments"),
    ):
        if role in columns:
            return layout
    return "alpaca"


def write(values: Mapping[str, Any]) -> Writing:
    """The tables "data", "stage" and "model" (family alone), and what a recipe cannot say."""
    writing = Writing()
    stage = values.get("stage", "sft")
    if stage in STAGES:
        writing.native["stage"] = stage
        writing.held["stage"] = ("stage",)
    else:
        writing.lost["stage"] = Note(
            "untranslatable", f"no recipe has the stage {stage}", training=True
        )
    data: dict[str, Any] = {}
    tables: list[dict[str, Any]] = []
    for number, rows in enumerate(gather(values, "train")):
        apart, note = files.apart(rows)
        for piece in apart:
            key = f"data.also[{len(tables) - 1}]" if tables else "data"
            tables.append(_table(piece, (key, number), values, writing))
            told = files.told(rows, piece)
            _hold(dict.fromkeys(told, (f"{key}.path",)), number, writing)
            writing.lost |= spread("train", number, dict.fromkeys(told, note) if note else {})
    if tables:
        data = tables[0]
    _write_eval(values, data, writing)
    for key, concept in (("on_overflow", "data.overflow"), ("tokens", "tokens")):
        if concept in values:
            data[key] = values[concept]
            writing.held[concept] = (f"data.{key}",)
    if tables[1:]:
        data["also"] = tables[1:]
    if data:
        writing.native["data"] = data
    _write_family(values, writing)
    if values.get("data.mix") == "concat":
        writing.held["data.mix"] = ("data.also",)
    said = {it: value for it, value in values.items() if it != "thinking"}  # a key of [training]
    return leave(writing, said, losses.RECIPE)


def _hold(held: Mapping[str, tuple[str, ...]], number: int, writing: Writing) -> None:
    """Say which keys hold the parts of a data set; one of several files has them in each table."""
    for concept, keys in spread("train", number, held).items():
        writing.held[concept] = tuple(dict.fromkeys((*writing.held.get(concept, ()), *keys)))


def _table(
    rows: Rows, place: tuple[str, int], values: Mapping[str, Any], writing: Writing
) -> dict[str, Any]:
    """The table of a data set, or of one of its files; `place`: its key, and whose it is."""
    key, number = place
    held: dict[str, tuple[str, ...]] = {}
    table: dict[str, Any] = {}
    if "samples" not in rows and "data.samples" in values:
        rows = {**rows, "samples": values["data.samples"]}
        writing.held["data.samples"] = (*writing.held.get("data.samples", ()), f"{key}.samples")
    if "system" not in rows and isinstance(values.get("data.system"), str):
        rows = {**rows, "system": values["data.system"]}
        writing.held["data.system"] = (*writing.held.get("data.system", ()), f"{key}.system")
    for part in _PLAIN:
        if part in rows and not (part == "path" and "hub" in rows):
            table[part] = rows[part]
            held[part] = (f"{key}.{part}",)
    notes = _placed(rows, table)
    _format(rows, table, key, held, notes)
    if str(table.get("split", "")).find("[") > 0 and "hub" not in rows:
        notes["split"] = Note(
            "untranslatable", "of a file ftc reads all rows: see samples", training=True
        )
        del table["split"], held["split"]
    for part, same in _ALWAYS.items():
        if rows.get(part) in same and (part != "split" or "hub" not in rows):
            held.setdefault(part, ())
    _hold(held, number, writing)
    writing.lost |= spread(
        "train", number, {part: it for part, it in notes.items() if part in rows}
    )
    return table


def _placed(rows: Rows, table: dict[str, Any]) -> dict[str, Note]:
    if "path" in table or "hub" in table:
        return {}
    part = next((it for it in ("modelscope", "openmind", "script", "name") if it in rows), "")
    table["path"] = str(rows.get(part, ""))
    why = "which file this is is not known: put its path here"
    return {part: Note("untranslatable", why, training=True)}


def _format(
    rows: Rows,
    table: dict[str, Any],
    key: str,
    held: dict[str, tuple[str, ...]],
    notes: dict[str, Note],
) -> None:
    """Add the format, or the columns where they have names of their own."""
    layout, named = rows.get("layout"), below(rows, "columns")
    if layout == "openai":
        layout = "messages"
    for role, names in below(rows, "roles").items():
        if all(turns.ROLES.get(str(name).lower()) == _CALLS.get(role, role) for name in names):
            held[f"roles.{role}"] = (f"{key}.format",)
    if named.get("thinking") in _REASONING:
        held |= dict.fromkeys(("columns.thinking", "thinking_key"), (f"{key}.format",))
    roles = [role for role in named if role not in (*_FOUND, "thinking")]
    known = {role: _word(role) for role in roles if _word(role) in ROLES}
    for form, usual in _USUAL.items():
        if _LAYOUTS.get(form, form) == layout and all(
            usual.get(role, _other(role)) == named[role] for role in known
        ):
            table["format"] = form
            held |= {"layout": (f"{key}.format",)}
            held |= {f"columns.{role}": (f"{key}.format",) for role in (*known, *_FOUND)}
            return
    if layout in _USUAL or layout == "custom":
        table["format"] = "columns"
        table["columns"] = {known[role]: named[role] for role in known}
        held |= {f"columns.{role}": (f"{key}.columns.{known[role]}",) for role in known}
        held |= {f"columns.{role}": (f"{key}.format",) for role in _FOUND}
        for part in ("columns.input", "columns.system"):
            if part in rows and rows.get("prompt") is not None:
                notes[part] = Note("approximate", f"ftc refuses rows without column {rows[part]}")
        if layout != "custom":
            held["layout"] = (f"{key}.format",)
        if not table["columns"]:
            del table["format"], table["columns"]
            notes["layout"] = Note("untranslatable", _GUESSED, training=True)


def _word(role: str) -> str:
    return next((word for word, ours in _ROLES.items() if ours == role), role)


def _other(role: str) -> str:
    """The column that ftc looks for beside those of a format."""
    return {"instruction": "prompt"}.get(role, role)


def _write_eval(values: Mapping[str, Any], data: dict[str, Any], writing: Writing) -> None:
    held_out = gather(values, "eval")
    apart, unnamed = files.apart(held_out[0]) if held_out else ([], None)
    said = len(apart) == 1 and unnamed is None and "path" in apart[0]
    if said:
        data["eval_path"] = apart[0]["path"]
        same = [it for it, always in _ALWAYS.items() if held_out[0].get(it) in always]
        told = files.told(held_out[0], apart[0])
        parts = ("path", "layout", *same, *told, *(it for it in held_out[0] if "." in it))
        writing.held |= spread("eval", 0, dict.fromkeys(parts, ("data.eval_path",)))
        for concept in ("data.eval_share", "data.eval_count"):
            if values.get(concept) == 0:
                writing.held[concept] = ("data.eval_path",)
    elif held_out:
        data["eval"] = 0.0
    elif "data.eval_share" in values:
        data["eval"] = float(values["data.eval_share"])
        writing.held["data.eval_share"] = ("data.eval",)
    elif "data.eval_count" in values:
        note = Note("untranslatable", "a recipe holds a share of the rows out, not a number")
        writing.lost["data.eval_count"] = note
    else:
        data["eval"] = 0.0
    for number, rows in enumerate(held_out):
        if number or not said:
            note = Note("untranslatable", "a recipe has one file of held-out rows")
            writing.lost |= spread("eval", number, dict.fromkeys(rows, note))


def _write_family(values: Mapping[str, Any], writing: Writing) -> None:
    name = values.get("family", values.get("data.template"))
    if name in families.names():
        writing.native["model"] = {"family": name}
        writing.held["family"] = ("model.family",)
        if "data.template" in values:
            writing.held["data.template"] = ("model.family",)
            if name == values["data.template"]:
                why = f"ftc writes rows with the model's own template, taken to be that of {name}"
                writing.lost["data.template"] = Note("approximate", why)
    if values.get("data.template") == templates.OWN:
        writing.held["data.template"] = ("model",)
        writing.lost.pop("data.template", None)
