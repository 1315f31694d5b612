"""LLaMA-Factory's data sets, splits and templates as concepts, and back."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from typing import Any

from ftc.backends import llamafactory_data
from ftc.convert.meaning import Native, Note, Reading, Writing
from ftc.convert.rows import dataset_info as info_file
from ftc.convert.rows import files, losses, templates
from ftc.convert.rows.parts import Rows, finish, gather, leave, owned, spread

NAME = "llamafactory"
FOLDER = "data"  # dataset_dir where it is left out
STAGES = {"sft": "sft", "pt": "pretrain", "dpo": "dpo", "kto": "kto", "rm": "reward", "ppo": "ppo"}
_LOSSES = ("orpo", "simpo")  # stages of their own; to this tool losses of the stage dpo
PLAIN: dict[str, str] = {
    "dataset_dir": "data.folder",
    "media_dir": "data.media_folder",
    "max_samples": "data.samples",
    "mix_strategy": "data.mix",
    "interleave_probs": "data.mix_shares",
    "streaming": "data.streaming",
    "buffer_size": "data.buffer",
    "eval_on_each_dataset": "data.eval_each",
    "tool_format": "data.tool_format",
    "preserve_thinking": "data.keep_thinking",
    "mask_history": "data.last_answer_only",
    "default_system": "data.system",
    "enable_thinking": "thinking",
    "tokenized_path": "data.tokenized",
    "preprocessing_num_workers": "data.workers",
}
KEYS = frozenset({*PLAIN, "stage", "do_train", "dataset", "eval_dataset", "template", "val_size"})
_DRAWN = "LLaMA-Factory draws the held-out rows by the seed, the other tool others"
_ONE_TEMPLATE = Note(
    "untranslatable",
    "one template holds for all data sets: these rows get that of the chats",
    training=True,
)
_UNKNOWN = Note("ignored", "nothing in LLaMA-Factory reads this")


def mine(key: str) -> bool:
    """Whether a key at the top is read here."""
    return owned(NAME, KEYS, key)


def stage_of(config: Native) -> str:
    """The training stage, by ftc's word where it has one."""
    if config.get("tokenized_path") == llamafactory_data.READY["pretrain"]:
        return "pretrain"
    word = str(config.get("stage", "sft"))
    loss = config.get("pref_loss")
    return str(loss) if word == "dpo" and loss in _LOSSES else STAGES.get(word, word)


def read(config: Native, version: str, info: Mapping[str, Any] | None = None) -> Reading:
    """All that the owned keys say; `info` is the dataset_info.json of the config's dataset_dir."""
    stage = stage_of(config)
    reading = Reading({"stage": stage})
    told = [key for key in ("stage", "do_train") if config.get(key) is not None and mine(key)]
    told += ["pref_loss"] if stage in _LOSSES else []
    reading.heard |= dict.fromkeys(told, ("stage",))
    folder = str(config.get("dataset_dir") or FOLDER)
    for key, side in (("dataset", "train"), ("eval_dataset", "eval")):
        for number, name in enumerate(_names(config.get(key))):
            rows = _rows(name, folder, stage, info)
            reading.values |= spread(side, number, rows)
            reading.heard[key] = (*reading.heard.get(key, ()), *spread(side, number, rows))
    _read_split(config, reading)
    for key, concept in PLAIN.items():
        if config.get(key) is not None and mine(key):
            reading.values[concept] = config[key]
            reading.heard[key] = (concept,)
    word = config.get("template")
    if word is not None:
        reading.values["data.template"] = templates.from_llamafactory(str(word))
        reading.heard["template"] = ("data.template",)
    elif stage not in ("pretrain",) and "dataset" in config:
        reading.values["data.template"] = templates.OWN
    if config.get("tokenized_path") in llamafactory_data.READY.values():
        reading.values["tokens"] = "exact"
        reading.heard["tokenized_path"] = ("data.tokenized", "tokens")
    return finish(reading, config, mine, _UNKNOWN)


def _names(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(name) for name in value]
    return [name.strip() for name in str(value).split(",")] if value is not None else []


def _rows(name: str, folder: str, stage: str, info: Mapping[str, Any] | None) -> Rows:
    if folder == "ONLINE":  # the names are ids of the hub, rows have the columns of alpaca
        return info_file.read(name, {"hf_hub_url": name}, folder, stage)
    entry = (info or {}).get(name)
    return (
        info_file.read(name, entry, folder, stage) if isinstance(entry, Mapping) else {"name": name}
    )


def _read_split(config: Native, reading: Reading) -> None:
    size = config.get("val_size")
    if size is None or not mine("val_size"):
        return
    concept = "data.eval_count" if size >= 1 else "data.eval_share"
    reading.values[concept] = int(size) if size >= 1 else size
    reading.heard["val_size"] = (concept,)


def write(values: Mapping[str, Any], version: str, *, source: str = "") -> Writing:
    """The owned keys of a config that says `values`, dataset_info.json, what neither says.

    `source` is the tool that said them: what it says itself it does not do otherwise.
    """
    writing = Writing()
    if source != NAME:
        values = _together(values, writing)
    stage = str(values.get("stage", "sft"))
    _write_stage(stage, writing)
    _write_sets(values, stage, source, writing)
    for key, concept in PLAIN.items():
        if concept in values and mine(key):
            writing.native[key] = values[concept]
            writing.held[concept] = (key,)
    for concept in ("data.eval_share", "data.eval_count"):
        if concept in values:
            writing.native["val_size"] = values[concept]
            writing.held[concept] = ("val_size",)
            if values[concept]:
                writing.lost[concept] = Note("approximate", _DRAWN)
    _write_template(values, stage, writing)
    if "data.pretraining" in values and "data.streaming" not in values:
        writing.native["streaming"] = True
    if "tokens" in values and "data.tokenized" in values:
        writing.held["tokens"] = ("tokenized_path",)
    return leave(writing, values, losses.LLAMAFACTORY, same=source == NAME)


def _together(values: Mapping[str, Any], writing: Writing) -> Mapping[str, Any]:
    """What all training sets say alike, and the config has one key for, is said once."""
    train = gather(values, "train")
    if gather(values, "eval"):  # they would get it too
        return values
    for part, key in (("samples", "max_samples"), ("system", "default_system")):
        said = {rows.get(part) for rows in train}
        if len(said) == 1 and None not in said and f"data.{part}" not in values:
            each = {f"data.train[{number}].{part}" for number in range(len(train))}
            values = {name: it for name, it in values.items() if name not in each}
            values[f"data.{part}"] = said.pop()
            writing.held |= dict.fromkeys(each, (key,))
    return values


def _write_stage(stage: str, writing: Writing) -> None:
    words = {ours: word for word, ours in STAGES.items()} | dict.fromkeys(_LOSSES, "dpo")
    writing.native["do_train"] = True
    if stage not in words:
        return
    writing.native["stage"] = words[stage]
    writing.held["stage"] = ("stage",)
    if stage in _LOSSES:
        writing.native["pref_loss"] = stage
        writing.held["stage"] = ("stage", "pref_loss")


def _write_sets(values: Mapping[str, Any], stage: str, source: str, writing: Writing) -> None:
    entries: dict[str, Any] = {}
    used: list[str] = []
    sides = {side: _apart(gather(values, side), side, writing) for side in ("train", "eval")}
    described = any(info_file.known(rows) for group in sides.values() for _, rows in group)
    usual = "." if described and source != NAME else FOLDER
    folder = str(values.get("data.folder", usual))
    for side, key in (("train", "dataset"), ("eval", "eval_dataset")):
        names = _named([rows for _, rows in sides[side]], used, entries, folder, stage)
        used += names
        for name, (number, rows) in zip(names, sides[side], strict=True):
            if not info_file.known(rows):
                writing.held |= spread(side, number, {"name": (key,)})
            elif folder != "ONLINE":
                entry, held, notes = info_file.write(rows, folder, stage)
                entries[name] = entry
                writing.held |= spread(
                    side, number, {part: (key,) for part in held if part in rows}
                )
                writing.lost |= spread(side, number, {p: n for p, n in notes.items() if p in rows})
            else:
                writing.held |= spread(side, number, dict.fromkeys(rows, (key,)))
        if names:
            writing.native[key] = ",".join(names)
    if used and folder != FOLDER:
        writing.native["dataset_dir"] = folder
    if entries:
        text = json.dumps(entries, indent=2, ensure_ascii=False)
        writing.files[posixpath.normpath(f"{folder}/{info_file.NAME}")] = f"{text}\n"


def _apart(group: list[Rows], side: str, writing: Writing) -> list[tuple[int, Rows]]:
    """Each data set with its number, one of several files as one of each."""
    found = []
    for number, rows in enumerate(group):
        apart, note = files.apart(rows)
        found += [(number, piece) for piece in apart]
        told = files.told(rows, apart[0])
        key = "dataset" if side == "train" else "eval_dataset"
        writing.held |= spread(side, number, dict.fromkeys(told, (key,)))
        writing.lost |= spread(side, number, dict.fromkeys(told, note) if note else {})
    return found


def _named(
    group: list[Rows], used: list[str], entries: Mapping[str, Any], folder: str, stage: str
) -> list[str]:
    """The names of data sets; one that is used again means the same rows as before."""
    own = [str(rows.get("name", "")) for rows in group]
    if all(own):
        same = [
            name not in entries or info_file.write(rows, folder, stage)[0] == entries[name]
            for name, rows in zip(own, group, strict=True)
        ]
        if all(same):
            return own
    return info_file.labels(group, used)


def _write_template(values: Mapping[str, Any], stage: str, writing: Writing) -> None:
    name = values.get("data.template")
    own = [info_file.template_of(rows, stage) for rows in gather(values, "train")]
    told = [(word, system) for word, system, note in own if note and word]
    by_template = [rows for rows in gather(values, "train") if "prompt" not in rows]
    if told and not by_template:
        word, system = told[0]
        writing.native["template"] = word
        if system and "data.system" not in values:
            writing.native["default_system"] = system
        if name is not None:
            why = "no data set is written with it; it is only kept with the tokenizer"
            writing.lost["data.template"] = Note("ignored", why)
        return
    for number, (word, _, note) in enumerate(own):
        if note and word:
            writing.lost |= spread("train", number, {"prompt": _ONE_TEMPLATE})
    if name is not None:
        _write_named(str(name), values, writing)


def _write_named(name: str, values: Mapping[str, Any], writing: Writing) -> None:
    family = values.get("family")
    if name == templates.OWN and family in llamafactory_data.TEMPLATES:
        chosen = llamafactory_data.TEMPLATES[str(family)]
        writing.native["template"] = chosen.name
        writing.held["data.template"] = ("template",)
        if chosen.differs:
            writing.lost["data.template"] = Note("approximate", f"the template {chosen.differs}")
        return
    if name.startswith(templates.OWN):
        why = "LLaMA-Factory takes the model's own template apart by trying it; name one to be sure"
        writing.lost["data.template"] = Note("approximate", why)
        return
    word = templates.to_llamafactory(name)
    if word is None:
        why = (
            "a template of the config's own" if name == templates.JINJA else name.partition(":")[2]
        )
        writing.lost["data.template"] = Note(
            "untranslatable",
            f"{why}: LLaMA-Factory has none like it; the model's own is used",
            training=True,
        )
        return
    writing.native["template"] = word
    writing.held["data.template"] = ("template",)
    pair = templates.BY_NAME.get(name)
    if pair and pair.near:
        writing.lost["data.template"] = Note("approximate", pair.near)
