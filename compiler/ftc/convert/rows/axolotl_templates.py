"""Axolotl's chat template, what it is told, and the system text of all rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftc.backends import llamafactory_data
from ftc.convert.meaning import Native, Note, Reading, Writing
from ftc.convert.rows import templates
from ftc.convert.rows.axolotl_types import CHATS
from ftc.convert.rows.parts import gather
from ftc.facts import family as families

_TOLD = {"enable_thinking": "thinking", "date_string": "template_date"}


def read(config: Native, reading: Reading) -> None:
    """Add the template, what it is told, and the system text."""
    written = [rows for rows in gather(reading.values, "train") if rows.get("layout") in CHATS]
    word = config.get("chat_template")
    if word is None and config.get("chat_template_jinja"):
        word = templates.JINJA
    by_template = any("prompt" not in rows for rows in written)
    if word is not None:
        reading.values["data.template"] = templates.from_axolotl(str(word))
        reading.heard["chat_template"] = ("data.template",)
        if "chat_template" not in config:
            reading.heard["chat_template_jinja"] = ("data.template",)
    elif by_template and not config.get("tokenizer_use_mistral_common"):
        reading.values["data.template"] = templates.OWN
    told = config.get("chat_template_kwargs")
    for name, value in (told if isinstance(told, Mapping) else {}).items():
        if value is not None:
            concept = _TOLD.get(name, f"data.template_args.{name}")
            reading.values[concept] = value
            reading.heard[f"chat_template_kwargs.{name}"] = (concept,)
    if config.get("default_system_message") is not None:
        why = "it replaces 'You are a helpful assistant.', which Axolotl's chatml no longer says"
        reading.settled["default_system_message"] = Note("ignored", why)


def write(values: Mapping[str, Any], writing: Writing, source: str) -> None:
    """Add the keys of the template; the data sets are written already.

    LLaMA-Factory trains on the end of a turn by the template, Axolotl on the tokenizer's eos unless
    it is told otherwise: so it is told.
    """
    end = _turn_end(str(values.get("data.template")))
    if source == "llamafactory" and end and values.get("stage", "sft") == "sft":
        writing.native.setdefault("eot_tokens", [end])
    native, held = writing.native, writing.held
    _say_system(values, writing)
    if "data.template" in values:
        _write_template(str(values["data.template"]), writing)
    told = {name: values[concept] for name, concept in _TOLD.items() if concept in values}
    start = "data.template_args."
    told |= {it.removeprefix(start): value for it, value in values.items() if it.startswith(start)}
    if told:
        native["chat_template_kwargs"] = told
        for name in told:
            held[_TOLD.get(name, start + name)] = (f"chat_template_kwargs.{name}",)


def _turn_end(name: str) -> str:
    family = "gemma" if name.startswith("gemma3") else name
    known = name in templates.BY_NAME and family in families.names()
    return families.named(family).turn_end if known and templates.to_axolotl(name) else ""


def _write_template(name: str, writing: Writing) -> None:
    word = templates.to_axolotl(name)
    pair = templates.BY_NAME.get(name)
    if word is None:
        why = f"Axolotl has no {name.partition(':')[2] or name}; the model's own template is used"
        writing.lost["data.template"] = Note("approximate", why)
    elif pair and pair.near:
        writing.lost["data.template"] = Note("approximate", pair.near)
    writing.native["chat_template"] = word or "tokenizer_default"
    writing.held["data.template"] = ("chat_template",)


def _say_system(values: Mapping[str, Any], writing: Writing) -> None:
    """A system text is held by tables under `type`, or is what the template says anyway."""
    text = values.get("data.system")
    kinds = [block.get("type") for block in writing.native.get("datasets", [])]
    tables = [kind.get("system_prompt") == text for kind in kinds if isinstance(kind, dict)]
    known = llamafactory_data.TEMPLATES.get(str(values.get("data.template")))
    if text is not None and tables and len(tables) == len(kinds) and all(tables):
        writing.held["data.system"] = ("datasets[0].type.system_prompt",)
    elif text and known and known.system == text:
        writing.held["data.system"] = ("chat_template",)
