"""Which `type` of Axolotl reads a data set's rows, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftc.convert.meaning import Note
from ftc.convert.rows import axolotl_names as names
from ftc.convert.rows import templates
from ftc.convert.rows.parts import Rows

CHATS = ("messages", "openai", "alpaca", "preference", "kto")
Choice = tuple[Rows, str | dict[str, Any] | None, dict[str, Note]]
_INPUT = Note("untranslatable", "Axolotl has no second column for the question", training=True)
_ENDS = "the text of the turns is the template's; the token that ends an answer is the tokenizer's"
_DOCUMENTS = "which column holds the documents is not known: text is guessed"
_FIRST = "LLaMA-Factory trains on the first turn of each chat alone, Axolotl on the answers"
_EMPTY = "a row whose system text is empty gets none, where LLaMA-Factory writes that of all rows"
_THINKING = "LLaMA-Factory adds 'detailed thinking off' to the system text, Axolotl does not"
_KTO = "Axolotl reads KTO rows as prompt, completion and label: the file must be written anew"


def choose(rows: Rows, stage: str, values: Mapping[str, Any], *, pretraining: bool) -> Choice:
    """The data set with what its type needs, the type, and notes by part."""
    rows, notes = _placed(rows)
    prompt, layout = rows.get("prompt"), rows.get("layout")
    if prompt == names.FORMATTED:
        return rows, _table(rows, stage), notes
    if prompt is not None or layout == "tokens":
        return rows, prompt if prompt != names.AS_THEY_ARE else None, notes
    if layout == "alpaca" and stage == "sft":
        return _alpaca(rows, values, notes)
    if layout == "openai":
        notes["layout"] = Note("approximate", _THINKING)
    if layout == "kto" or stage == "kto":
        notes["layout"] = Note("untranslatable", _KTO, training=True)
        return rows, None, notes
    if stage in names.PAIRED:
        return _paired(rows, stage, notes)
    if stage == "pretrain" and layout is None:
        notes.setdefault(_place(rows), Note("untranslatable", _DOCUMENTS, training=True))
        rows = {"columns.text": "text", **rows}
    if layout == "text" or (stage == "pretrain" and layout is None):
        return rows, "pretrain" if pretraining else "completion", notes
    if stage == "pretrain" and layout in CHATS:
        notes["layout"] = Note("untranslatable", _FIRST, training=True)
    if layout is None:
        why = "how its rows are laid out is not known: chats are guessed"
        notes.setdefault(_place(rows), Note("untranslatable", why, training=True))
    words = {"segments": "input_output", "steps": "stepwise_supervised"}
    if stage == "reward":
        return rows, "bradley_terry.chat_template", notes
    return rows, words.get(str(layout), "chat_template"), notes


def _placed(rows: Rows) -> tuple[Rows, dict[str, Note]]:
    """The rows with a path, and what is wrong with it."""
    if any(part in rows for part in ("path", "hub", "builder")):
        return rows, {}
    for part in ("modelscope", "openmind", "script"):
        if part in rows:
            why = f"Axolotl cannot read it from {part}"
            return {**rows, "path": rows[part]}, {part: Note("untranslatable", why, training=True)}
    why = "dataset_info.json is not there, or lacks it: put its path here, and what its rows are"
    name = rows.get("name", "")
    return {**rows, "path": name}, {"name": Note("untranslatable", why, training=True)}


def _place(rows: Rows) -> str:
    return next(it for it in ("name", "hub", "path") if it in rows)


def _paired(rows: Rows, stage: str, notes: dict[str, Note]) -> Choice:
    if stage == "orpo":
        why = "for ORPO Axolotl reads whole chats as answers: the file must be written anew"
        notes["layout"] = Note("untranslatable", why, training=True)
        return rows, "chat_template.argilla", notes
    rows = dict(rows)
    if "columns.messages" not in rows and "columns.instruction" in rows:
        rows["columns.messages"] = rows["columns.instruction"]
    if "columns.messages" not in rows and "columns.chosen" in rows:
        return rows, "chat_template.argilla_chat", notes
    if "columns.input" in rows:
        notes["columns.input"] = _INPUT
    if "columns.system" in rows:
        why = "Axolotl reads the system text in the turns"
        notes["columns.system"] = Note("untranslatable", why, training=True)
    return rows, "chat_template.default", notes


def _alpaca(rows: Rows, values: Mapping[str, Any], notes: dict[str, Note]) -> Choice:
    name = str(values.get("data.template", values.get("family", templates.OWN)))
    turns = templates.TURNS.get(name)
    if name == "alpaca" or turns is None:
        known, said = name == "alpaca", name.rpartition(":")[2]
        why = "rows with an input have it under '### Input:', with a system text of their own"
        if not known:
            why = (
                f"rows begin with '### Instruction:': the text of the template {said} is not known"
            )
        notes["layout"] = Note("approximate", why, training=True)
        return rows, "alpaca", notes
    rows = {**rows, "format.system": turns.system, "format.both": turns.both}
    rows |= {"format.alone": turns.alone}
    system = values.get("data.system", templates.SYSTEMS.get(name))
    if system is not None:
        rows["system"] = system
    if system and "columns.system" in rows:
        notes["columns.system"] = Note("approximate", _EMPTY)
    notes["layout"] = Note("approximate", _ENDS)
    return rows, _table(rows, "sft"), notes


def _table(rows: Rows, stage: str) -> dict[str, Any]:
    """The table under `type`, with every key that the rows tell of."""
    pairs = stage in (*names.PAIRED, "kto")
    skipped = "field_instruction" if pairs else "field_prompt"
    return {
        name: rows[part]
        for name, part in names.FORMATS.items()
        if part in rows and name != skipped and (pairs or name not in _PAIR_KEYS)
    }


_PAIR_KEYS = ("field_chosen", "field_rejected", "field_completion", "field_label")
