"""An entry of LLaMA-Factory's dataset_info.json as the parts of a data set, and back."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ftc.convert.meaning import Class, Note
from ftc.convert.rows import axolotl_names as names
from ftc.convert.rows import styles, templates
from ftc.convert.rows.parts import Rows, below

Entry = Mapping[str, Any]
NAME = "dataset_info.json"
_PLACES = {
    "hf_hub_url": "hub",
    "ms_hub_url": "modelscope",
    "om_hub_url": "openmind",
    "script_url": "script",
    "cloud_file_name": "path",
    "file_name": "path",
}
_PLAIN = {"subset": "subset", "split": "split", "folder": "folder", "num_samples": "samples"}
# Column of the tool -> ours, by what a row is.
_ASKED = {"prompt": "instruction", "query": "input", "response": "output", "history": "history"}
_SHARED = ("system", "tools", "images", "videos", "audios")
_COLUMNS = {
    **_ASKED,
    "messages": "messages",
    "chosen": "chosen",
    "rejected": "rejected",
    "kto_tag": "label",
    **{name: name for name in _SHARED},
}
_DEFAULT_COLUMNS = {
    "prompt": "instruction",
    "query": "input",
    "response": "output",
    "messages": "conversations",
}
_TAGS = {
    "user_tag": "user",
    "assistant_tag": "assistant",
    "observation_tag": "tool",
    "function_tag": "call",
    "system_tag": "system",
}
_DEFAULT_TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "observation_tag": "observation",
    "function_tag": "function_call",
    "system_tag": "system",
}
_OPENAI_TAGS = {**_DEFAULT_TAGS, "role_tag": "role", "content_tag": "content"}
_OPENAI_TAGS |= {"user_tag": "user", "assistant_tag": "assistant", "observation_tag": "tool"}
_GUESSED = Note("untranslatable", "how its rows are laid out is not known", training=True)
_ENDINGS = {"json": "json", "jsonl": "json", "csv": "csv", "parquet": "parquet", "arrow": "arrow"}
_ENDINGS |= {"txt": "text"}


def read(name: str, entry: Entry, folder: str, stage: str) -> Rows:
    """The parts of an entry; `folder` is the config's dataset_dir."""
    rows: Rows = {"name": name}
    for key, part in _PLACES.items():
        if entry.get(key) and not (key == "file_name" and len(rows) > 1):
            rows[part] = entry[key]
    if "path" in rows and "file_name" in entry and not _absolute(rows["path"]):
        rows["path"] = posixpath.normpath(posixpath.join(folder, rows["path"]))
    for key, part in _PLAIN.items():
        if entry.get(key) is not None:
            rows[part] = entry[key]
    formatting = entry.get("formatting", "alpaca")
    columns = entry.get("columns", _DEFAULT_COLUMNS) or {}
    chats = formatting != "alpaca"
    rows["layout"] = _layout(formatting, entry, columns, stage)
    skipped = tuple(_ASKED) if chats else ("messages",)
    for key, column in columns.items():
        if column and key in _COLUMNS and key not in skipped:
            rows[f"columns.{_role(key, rows['layout'])}"] = column
    if chats:
        rows |= _read_tags(entry.get("tags", _DEFAULT_TAGS) or {})
        rows |= {"raw_calls": True} if formatting == "openai" and rows["layout"] != "openai" else {}
    return rows


def _layout(formatting: str, entry: Entry, columns: Entry, stage: str) -> str:
    if columns.get("kto_tag"):
        return "kto"
    if entry.get("ranking"):
        return "preference"
    if stage == "pretrain" and formatting == "alpaca":
        return "text"
    return {"sharegpt": "messages"}.get(formatting, formatting)


def _role(key: str, layout: str) -> str:
    if layout == "text" and key == "prompt":
        return "text"
    return "completion" if layout == "kto" and key == "response" else _COLUMNS[key]


def _read_tags(tags: Entry) -> Rows:
    rows: Rows = {f"roles.{role}": [tags[key]] for key, role in _TAGS.items() if tags.get(key)}
    for key in ("role", "content"):
        if tags.get(f"{key}_tag"):
            rows[f"columns.{key}"] = tags[f"{key}_tag"]
    return rows


def _absolute(path: str) -> bool:
    return path.startswith("/") or "://" in path


def known(rows: Rows) -> bool:
    """Whether there is more to write of a data set than its name."""
    return any(part in rows for part in (*_PLACES.values(), "layout"))


def write(rows: Rows, folder: str, stage: str) -> tuple[dict[str, Any], set[str], dict[str, Note]]:
    """The entry, the parts that it holds, and notes by part on what it cannot say."""
    entry: dict[str, Any] = {}
    held: set[str] = set()
    notes: dict[str, Note] = {}
    for key, part in _PLACES.items():
        if part in rows and (key != "cloud_file_name" or _cloud(rows[part])):
            if key == "file_name" and entry:
                continue
            entry[key] = _inside(rows[part], folder) if key == "file_name" else rows[part]
            held.add(part)
    for key, part in _PLAIN.items():
        if part in rows:
            entry[key] = rows[part]
            held.add(part)
    if "layout" not in rows:
        notes["path" if "path" in rows else "hub"] = _GUESSED
        return entry, held | {"name"}, notes
    rows = _filled(rows)
    chats, columns = _write_columns(rows, held)
    entry["formatting"] = ("openai" if _calls(rows) else "sharegpt") if chats else "alpaca"
    entry["ranking"] = rows.get("layout") == "preference"
    entry["columns"] = columns
    if chats:
        entry["tags"] = _write_tags(rows, held, notes)
    held |= {"layout", "name", "raw_calls"}
    _judge(rows, stage, chats, held, notes)
    for part in ("file_type", "builder"):
        if rows.get(part) is not None:
            _file_type(rows, part, held, notes)
    return entry, held, notes


def _cloud(path: Any) -> bool:
    return str(path).startswith(("s3://", "gs://", "gcs://"))


def _inside(path: Any, folder: str) -> str:
    text = str(path)
    outside = _absolute(text) or posixpath.isabs(folder)
    return text if outside else posixpath.relpath(text, folder)


def _filled(rows: Rows) -> Rows:
    """The rows with columns that Axolotl's words for a type leave unsaid."""
    if rows.get("prompt") == names.AS_THEY_ARE and "columns.messages" not in rows:
        rows = {"columns.messages": "prompt", "columns.chosen": "chosen", **rows}
        rows = {"columns.rejected": "rejected", **rows}
    if rows.get("layout") == "kto" and "columns.label" not in rows:
        rows = {"columns.label": "label", **rows}
    return rows


def _calls(rows: Rows) -> bool:
    return rows.get("layout") == "openai" or bool(rows.get("raw_calls"))


def _write_columns(rows: Rows, held: set[str]) -> tuple[bool, dict[str, str]]:
    """Whether rows are chats, and their columns."""
    layout = rows.get("layout")
    named = below(rows, "columns")
    chats = layout in ("messages", "openai") or (
        layout in ("preference", "kto") and "messages" in named and "instruction" not in named
    )
    columns: dict[str, str] = {}
    for key in _COLUMNS:
        role = _role(key, str(layout))
        if role in named and (key not in _ASKED if chats else key != "messages"):
            columns[key] = named[role]
            held.add(f"columns.{role}")
    return chats, columns


def _write_tags(rows: Rows, held: set[str], notes: dict[str, Note]) -> dict[str, str]:
    role = str(rows.get("columns.role", "role"))
    tags = {"role_tag": role, "content_tag": str(rows.get("columns.content", "content"))}
    held |= {"columns.role", "columns.content"}
    roles = below(rows, "roles")
    usual = _DEFAULT_TAGS if role == "from" else _OPENAI_TAGS
    for key, ours in _TAGS.items():
        called = roles.get(ours)
        if called:
            tags[key] = str(called[0] if isinstance(called, list) else called)
            held.add(f"roles.{ours}")
            if isinstance(called, list) and len(called) > 1:
                further = ", ".join(called[1:])
                why = f"LLaMA-Factory knows one name a role: rows with {further} are dropped"
                notes[f"roles.{ours}"] = Note("approximate", why, training=True)
        elif not roles:
            tags[key] = usual[key]
    return tags


_EQUAL = {turns: name for name, turns in reversed(templates.TURNS.items())}


def template_of(rows: Rows, stage: str) -> tuple[str, str, Note | None]:
    """(template, default system text, what differs) of rows with a text of their own."""
    prompt = rows.get("prompt")
    if prompt in (None, names.AS_THEY_ARE, "completion"):
        return "", "", None
    if prompt == names.FORMATTED:
        return _formatted(rows)
    style = styles.find(str(prompt), stage)
    kind: Class = "approximate" if style.template else "untranslatable"
    system = style.system if style.template != "alpaca" else ""
    return style.template, system, Note(kind, style.why, training=style.why != styles.EOS)


def _formatted(rows: Rows) -> tuple[str, str, Note | None]:
    form = below(rows, "format")
    turns = templates.Turns(*(str(form.get(key, "")) for key in ("system", "both", "alone")))
    name = _EQUAL.get(turns)
    if name is None:
        why = "LLaMA-Factory has no texts of the config's own: put them into the rows"
        return "", "", Note("untranslatable", why, training=True)
    word = templates.to_llamafactory(name) or ""
    return (
        word,
        str(rows.get("system") or ""),
        Note("approximate", "the token that ends an answer may differ"),
    )


def _judge(rows: Rows, stage: str, chats: bool, held: set[str], notes: dict[str, Note]) -> None:
    """Say what becomes of the layout, the prompt and what is trained on."""
    word, _, note = template_of(rows, stage)
    if note:
        notes["prompt"] = note
        if word:
            held |= {part for part in rows if part.startswith("format.")}
    for part in ("columns.input", "columns.system"):
        if part in rows and rows.get("prompt") is not None:
            notes[part] = Note("approximate", f"it stops where rows have no column {rows[part]}")
    if rows.get("prompt") == names.AS_THEY_ARE:
        why = "it reads an answer that is one turn or a text, not a list of turns: look at the rows"
        notes["layout"] = Note("untranslatable", why, training=True)
    layout = rows.get("layout")
    if layout in ("segments", "steps", "tokens", "custom"):
        why = f"LLaMA-Factory reads no rows of {layout}"
        notes["layout"] = Note("untranslatable", why, training=True)
    elif layout == "text" and stage != "pretrain":
        why = "among chats LLaMA-Factory has no rows of plain text"
        notes["layout"] = Note("untranslatable", why, training=True)
    elif layout == "preference" and chats and "roles.user" not in rows:
        notes["layout"] = Note("approximate", "an answer has to be one turn, not a list of them")
    if rows.get("roles_to_train") == ["assistant"] or rows.get("roles_to_train") == ["gpt"]:
        held.add("roles_to_train")
    if rows.get("train_on_eos") == "turn":
        held.add("train_on_eos")


def _file_type(rows: Rows, part: str, held: set[str], notes: dict[str, Note]) -> None:
    ending = str(rows.get("path", "")).rpartition(".")[2]
    if _ENDINGS.get(ending) == rows[part]:
        held.add(part)
    else:
        why = "LLaMA-Factory goes by the ending of the file's name: .json, .csv, .parquet, .txt"
        notes[part] = Note("untranslatable", why, training=True)


def labels(group: Iterable[Rows], taken: Iterable[str] = ()) -> list[str]:
    """A name for each data set, its own or one made of where it lies."""
    found: list[str] = []
    used = set(taken)
    for rows in group:
        place = str(rows.get("name") or rows.get("hub") or rows.get("path") or "rows")
        stem = re.sub(r"\.\w+$", "", posixpath.basename(place)) if "name" not in rows else place
        base = re.sub(r"[^\w.-]+", "_", stem).strip("_") or "rows"
        name, number = base, 2
        while name in used:
            name, number = f"{base}_{number}", number + 1
        used.add(name)
        found.append(name)
    return found
