"""One data set of Axolotl, a table of `datasets`, as the parts of a data set, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ftc.backends.base import at_least
from ftc.convert.meaning import Native, Note, Reading, leaves
from ftc.convert.rows import files, styles, templates
from ftc.convert.rows.axolotl_names import (
    AS_THEY_ARE,
    FILE,
    FORMATS,
    FORMATTED,
    HUB,
    NAMED,
    NEW,
    PAIRED,
    PARTS,
    TABLES,
    UNREAD,
)
from ftc.convert.rows.parts import NULL, Rows, below, spread


class Spot(NamedTuple):
    """Where a table stands: the key, and its number there; whose rows it holds."""

    key: str
    side: str
    number: int

    @property
    def path(self) -> str:
        """Such as "datasets[0]"."""
        return f"{self.key}[{self.number}]"

    @property
    def pretraining(self) -> bool:
        """The rows are streamed."""
        return self.key == "pretraining_dataset"


def read(block: Native, spot: Spot, stage: str, version: str) -> Reading:
    """The parts of one table."""
    key, side, number = spot.path, spot.side, spot.number
    pretraining = spot.pretraining
    rows, told, settled = _typed(block, stage, pretraining)
    for path, value in leaves(block):
        if value is None:
            if path not in told:
                settled[path] = NULL
        elif path in missing(version):
            settled[path] = Note("ignored", f"no key of Axolotl {version}")
        elif (path not in told or path == "path") and path not in settled:
            part = _part(path, block, rows, pretraining)
            if isinstance(part, Note):
                settled[path] = part
            else:
                if path == "chat_template":
                    value = templates.from_axolotl(value)
                elif (path, part) == ("data_files", "path"):
                    value = files.single(value)
                rows[part] = value
                told[path] = (part, *told.get(path, ()))
    if side == "eval" and "split" not in rows and "hub" in rows:
        rows["split"] = "test"
    return Reading(
        spread(side, number, rows),
        {f"{key}.{path}": tuple(spread(side, number, dict.fromkeys(told[path]))) for path in told},
        {f"{key}.{path}": note for path, note in settled.items()},
    )


def missing(version: str) -> tuple[str, ...]:
    """The keys of a table that this version does not have yet."""
    return () if at_least(version, "0.21.0") else NEW


def _typed(
    block: Native, stage: str, pretraining: bool
) -> tuple[Rows, dict[str, tuple[str, ...]], dict[str, Note]]:
    """The parts that the type tells, by which leaf; and what is wrong with its leaves."""
    kind, settled = block.get("type"), dict[str, Note]()
    if isinstance(kind, Mapping):
        rows: Rows = {"prompt": FORMATTED}
        rows["layout"] = {"kto": "kto"}.get(stage, "preference" if stage in PAIRED else "alpaca")
        rows |= TABLES[rows["layout"]]
        told: dict[str, tuple[str, ...]] = {}
        for name, value in kind.items():
            if value is not None and name in FORMATS:
                rows[FORMATS[name]] = value
                told[f"type.{name}"] = (FORMATS[name], "prompt", "layout")
            elif value is not None:
                settled[f"type.{name}"] = Note("ignored", "no key of a prompt table")
        return rows, told, settled
    if kind is None:
        rows = _untyped(block, stage)  # where the rows lie is all that tells of them
        return rows, {"path": tuple(rows)} if "path" in block else {}, settled
    if not isinstance(kind, str):
        raise ValueError(f"type is {kind!r}, neither a name nor a table")
    style = styles.find(kind, stage)
    rows = {"layout": style.layout} | {f"columns.{role}": it for role, it in style.columns.items()}
    if not styles.plain(style.word) or (pretraining and kind != "pretrain"):
        rows["prompt"] = kind
    return rows, {"type": tuple(rows)}, settled


def _untyped(block: Native, stage: str) -> Rows:
    if stage in ("sft", "pretrain", "reward", "prm"):
        return {"layout": "tokens"}
    layout = "kto" if stage == "kto" else "preference" if stage in PAIRED else "custom"
    return {"layout": layout, "prompt": AS_THEY_ARE}


def _part(path: str, block: Native, rows: Rows, pretraining: bool) -> str | Note:
    name, _, inner = path.partition(".")
    word = block.get("type")
    named = isinstance(word, str) and styles.find(word).named
    if name == "path":
        return "builder" if _built(block) else "hub" if _on_hub(block) else "path"
    if name == "data_files" and _built(block):
        return "path" if files.single(block[name]) else "files"
    if name == "data_files" and FILE.search(str(block.get("path"))):
        return Note("ignored", "path is a file: Axolotl reads that one alone")
    if name == "conversation" and word != "alpaca_chat":
        return Note("ignored", "type: alpaca_chat alone reads it")
    if name in PARTS:
        return PARTS[name]
    if name in UNREAD:
        return Note("ignored", "no code of Axolotl reads this key")
    if name not in NAMED and name not in ("message_property_mappings", "roles", "chat_template"):
        return Note("ignored", "no key of a data set: Axolotl never looks at it")
    if not named and word is not None:
        return Note("ignored", f"a data set of type {_said(word)} does not read it")
    if name in ("field", "text_column") and (name == "text_column") != (
        pretraining and word in ("pretrain", None)
    ):
        return Note("ignored", f"a data set of type {_said(word)} does not read it")
    if name == "chat_template":
        return "template"
    if name in ("roles", "message_property_mappings") and not inner:
        return Note("ignored", "an empty table is the same as leaving it out")
    if name == "roles":
        return f"roles.{inner}"
    if name == "message_property_mappings":
        return f"columns.{inner}" if inner in ("role", "content") else f"properties.{inner}"
    return NAMED[name]


def _said(word: Any) -> str:
    return "a table" if isinstance(word, Mapping) else str(word)


def _built(block: Native) -> bool:
    return block.get("path") in files.BUILDERS and bool(block.get("data_files"))


def _on_hub(block: Native) -> bool:
    """Judgment: Axolotl looks whether the path exists, which ftc cannot know of another machine."""
    path = str(block["path"])
    plain = HUB.fullmatch(path) and not FILE.search(path) and not path.startswith(".")
    return bool(plain) and block.get("ds_type") is None


def write(
    rows: Rows, key: str, kind: str | dict[str, Any] | None, stage: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """The table of a data set with its type, and part -> path of the key that holds it."""
    block: dict[str, Any] = {}
    held: dict[str, str] = {}

    def put(name: str, part: str) -> None:
        block[name] = rows[part]
        held[part] = f"{key}.{name}"

    for part in ("hub", "path"):
        if part in rows:
            put("path", part)
    for name, part in PARTS.items():
        if part in rows:
            put(name, part)
    if "builder" in rows:
        put("path", "builder")
        if "path" in rows:
            block["data_files"] = [rows["path"]]
            held["path"] = f"{key}.data_files"
    block["type"] = kind
    held |= {part: f"{key}.type" for part in rows if part in ("layout", "prompt")}
    style = styles.find(kind, stage) if isinstance(kind, str) else None
    if isinstance(kind, dict):
        held |= {FORMATS[name]: f"{key}.type.{name}" for name in kind}
    elif style and not style.named:
        implied = {f"columns.{role}": it for role, it in style.columns.items()}
        held |= {part: f"{key}.type" for part in implied if rows.get(part) == implied[part]}
    elif style or rows.get("layout") == "messages":
        _named(rows, key, style, block, held)
    return block, held


def _named(
    rows: Rows, key: str, style: styles.Style | None, block: dict[str, Any], held: dict[str, str]
) -> None:
    """Add the keys that name columns, roles and what is trained on."""
    pretraining = style is not None and style.word == "pretrain"
    for name, part in NAMED.items():
        stale = name in ("message_field_role", "message_field_content")
        other = name == ("field" if pretraining else "text_column")
        if part in rows and not stale and not other:
            block[name] = rows[part]
            held[part] = f"{key}.{name}"
    mapped = {
        role: rows[f"columns.{role}"] for role in ("role", "content") if f"columns.{role}" in rows
    }
    held |= {f"columns.{role}": f"{key}.message_property_mappings.{role}" for role in mapped}
    further = below(rows, "properties")
    held |= {f"properties.{role}": f"{key}.message_property_mappings.{role}" for role in further}
    if mapped or further:
        block["message_property_mappings"] = mapped | further
    if roles := below(rows, "roles"):
        known = {role: list(names) for role, names in roles.items() if role != "call"}
        block["roles"] = known
        held |= {f"roles.{role}": f"{key}.roles.{role}" for role in known}
    word = templates.to_axolotl(rows["template"]) if "template" in rows else None
    if word:
        block["chat_template"] = word
        held["template"] = f"{key}.chat_template"
