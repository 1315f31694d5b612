"""Axolotl's `datasets`, splits and templates as concepts, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftc.convert.meaning import Native, Note, Reading, Writing, leaves
from ftc.convert.rows import axolotl_names as names
from ftc.convert.rows import axolotl_sets as sets
from ftc.convert.rows import axolotl_templates as chat
from ftc.convert.rows import axolotl_types as types
from ftc.convert.rows import losses
from ftc.convert.rows.parts import Rows, finish, gather, leave, owned, spread

NAME = "axolotl"
RL = ("dpo", "orpo", "kto", "simpo", "ipo", "grpo", "gdpo", "ebft")
# Keys that hold one concept as it is.
PLAIN: dict[str, str] = {
    "dataset_prepared_path": "data.cache",
    "push_dataset_to_hub": "data.cache_hub",
    "num_dataset_shards_to_save": "data.cache_files",
    "hf_use_auth_token": "data.hub_login",
    "dataset_num_proc": "data.workers",
    "dataset_keep_in_memory": "data.in_memory",
    "dataset_shard_num": "data.shards",
    "dataset_shard_idx": "data.shard",
    "dataset_exact_deduplication": "data.deduplicate",
    "shuffle_merged_datasets": "data.shuffle",
    "shuffle_before_merging_datasets": "data.shuffle_each",
    "streaming": "data.streaming",
    "streaming_multipack_buffer_size": "data.pack_buffer",
    "pretrain_multipack_attn": "data.separate_documents",
    "pretraining_sample_concatenation": "data.join_documents",
    "skip_prepare_dataset": "data.unprepared",
    "eot_tokens": "data.turn_ends",
    "chat_template_jinja": "data.template_text",
}
KEYS = frozenset(
    {
        *PLAIN,
        "datasets",
        "test_datasets",
        "pretraining_dataset",
        "val_set_size",
        "rl",
        "reward_model",
        "process_reward_model",
        "chat_template",
        "chat_template_kwargs",
        "default_system_message",
        "dataset_processes",
    }
)
_NO_TABLES = Note("untranslatable", "not a list of tables: Axolotl cannot read it", training=True)
_TAIL = "Axolotl holds out the last of the shuffled rows, the other tool others"
_UNKNOWN = Note("ignored", "nothing in Axolotl reads this")


def mine(key: str) -> bool:
    """Whether a key at the top is read here."""
    return owned(NAME, KEYS, key)


def stage_of(config: Native) -> str:
    """The training stage, by ftc's word where it has one; else Axolotl's."""
    if rl := config.get("rl"):
        return "dpo" if rl == "ipo" else str(rl)
    if config.get("reward_model") is True:
        return "reward"
    if config.get("process_reward_model"):
        return "prm"
    blocks = _blocks(config, "datasets")
    written = [str(block.get("type")).partition(":")[0] == "completion" for block in blocks]
    if config.get("pretraining_dataset") or (written and all(written)):
        return "pretrain"
    # ftc's own: documents as tokens, which no template is written for.
    ready = [
        str(block.get("path")).endswith(names.READY) and "field" not in block for block in blocks
    ]
    return "pretrain" if ready and all(ready) and "chat_template" not in config else "sft"


def read(config: Native, version: str) -> Reading:
    """All that the owned keys say. ValueError on what Axolotl itself refuses."""
    stage = stage_of(config)
    reading = Reading({"stage": stage})
    for key in ("rl", "reward_model", "process_reward_model"):
        if config.get(key) and mine(key):
            reading.heard[key] = ("stage",)
    if config.get("rl") == "ipo":
        reading.values["preference_loss"] = "ipo"
        reading.heard["rl"] = ("stage", "preference_loss")
    streamed = _read_sets(config, stage, version, reading)
    _read_split(config, reading)
    chat.read(config, reading)
    for key, concept in (*PLAIN.items(), ("dataset_processes", PLAIN["dataset_num_proc"])):
        if config.get(key) is not None and mine(key):
            reading.values.setdefault(concept, config[key])
            reading.heard[key] = (*reading.heard.get(key, ()), concept)
    if streamed and config.get("datasets"):
        note = Note("ignored", "pretraining_dataset is read instead")
        reading.settled |= {path: note for path, _ in leaves({"datasets": config["datasets"]})}
    present = dict(leaves(config))
    reading.heard = {path: told for path, told in reading.heard.items() if path in present}
    return finish(reading, config, mine, _UNKNOWN)


def _blocks(config: Native, key: str) -> list[Native]:
    value = config.get(key)
    value = [value] if isinstance(value, Mapping) else value
    return [it for it in value if isinstance(it, Mapping)] if isinstance(value, list) else []


def _read_sets(config: Native, stage: str, version: str, reading: Reading) -> bool:
    """Add the data sets; true where they are streamed from `pretraining_dataset`."""
    streamed = config.get("pretraining_dataset")
    if isinstance(streamed, str):
        spot = sets.Spot("pretraining_dataset", "train", 0)
        reading.add(sets.read({"path": streamed, "type": "pretrain"}, spot, stage, version))
        reading.values["data.pretraining"] = "path"
        reading.heard["pretraining_dataset"] = (
            "data.pretraining",
            *spread("train", 0, {"path": ""}),
        )
    elif streamed:
        reading.values["data.pretraining"] = "tables"
    plan = [("pretraining_dataset", "train")] if streamed else [("datasets", "train")]
    for key, side in (*plan, ("test_datasets", "eval")):
        for number, block in enumerate(_blocks(config, key)):
            kind = block.get("type") or ("pretrain" if key == "pretraining_dataset" else None)
            whole = {**block, "type": kind} if kind or "type" in block else block
            reading.add(sets.read(whole, sets.Spot(key, side, number), stage, version))
        if config.get(key) and not _blocks(config, key) and not isinstance(streamed, str):
            reading.settled[key] = _NO_TABLES
    if not config.get("rl"):
        for path in [
            it for it in reading.heard if it.startswith("datasets") and it.endswith(".type")
        ]:
            reading.heard[path] = (*reading.heard[path], "stage")
    if any(str(rows.get("path")).endswith(names.READY) for rows in gather(reading.values, "train")):
        reading.values["tokens"] = "exact"
    return bool(streamed)


def _read_split(config: Native, reading: Reading) -> None:
    size = config.get("val_set_size")
    if size is None or not mine("val_set_size"):
        return
    if isinstance(size, str):
        size = float(size)
    concept = "data.eval_count" if size >= 1 else "data.eval_share"
    reading.values[concept] = int(size) if size >= 1 else size
    reading.heard["val_set_size"] = (concept,)


def write(values: Mapping[str, Any], version: str, *, source: str = "") -> Writing:
    """The owned keys of a config that says `values`, and what none of them can say.

    `source` is the tool that said them: what it says itself it does not do otherwise.
    """
    writing = Writing()
    stage = str(values.get("stage", "sft"))
    _write_stage(stage, values, writing)
    train = [_sliced(rows, values) for rows in gather(values, "train")]
    if "data.pretraining" in values and len(train) == 1 and values["data.pretraining"] == "path":
        _write_path(train[0], writing)
    elif train:
        key = "pretraining_dataset" if "data.pretraining" in values else "datasets"
        _write_sets(train, (key, "train"), version, values, writing)
    if held_out := [_sliced(rows, values) for rows in gather(values, "eval")]:
        _write_sets(held_out, ("test_datasets", "eval"), version, values, writing)
    if "data.pretraining" in values:
        writing.held["data.pretraining"] = ("pretraining_dataset",)
    _write_rest(values, writing, source)
    if values.get("data.mix") == "concat":
        writing.held["data.mix"] = ("datasets",)
    if "data.samples" in values:
        _say_samples(train, writing)
    if "tokens" in values:
        writing.held["tokens"] = ("datasets[0].path",)
    if train and stage in ("sft", "pretrain") and stage_of(writing.native) != stage:
        why = f"Axolotl takes these rows for {stage_of(writing.native)}"
        writing.lost["stage"] = Note("untranslatable", why, training=True)
    return leave(writing, values, losses.AXOLOTL, same=source == NAME)


def _write_stage(stage: str, values: Mapping[str, Any], writing: Writing) -> None:
    keys = {"reward": "reward_model", "prm": "process_reward_model"}
    if stage in RL:
        writing.native["rl"] = stage
        writing.held["stage"] = ("rl",)
        if stage == "kto":  # refused otherwise
            writing.native["remove_unused_columns"] = False
    elif stage in keys:
        writing.native[keys[stage]] = True
        writing.held["stage"] = (keys[stage],)
    elif stage in ("sft", "pretrain"):
        key = "pretraining_dataset" if "data.pretraining" in values else "datasets"
        writing.held["stage"] = (key,)
    else:
        writing.lost["stage"] = Note(
            "untranslatable", f"Axolotl has no stage {stage}", training=True
        )


def _write_path(rows: Rows, writing: Writing) -> None:
    part = "hub" if "hub" in rows else "path"
    writing.native["pretraining_dataset"] = rows[part]
    for concept in spread("train", 0, rows):
        writing.held[concept] = ("pretraining_dataset",)


def _write_sets(
    group: list[Rows],
    place: tuple[str, str],
    version: str,
    values: Mapping[str, Any],
    writing: Writing,
) -> None:
    """Add data sets at a place: key and side."""
    (key, side), stage = place, str(values.get("stage", "sft"))
    blocks = []
    for number, rows in enumerate(group):
        rows, kind, notes = types.choose(
            rows, stage, values, pretraining=key.startswith("pretrain")
        )
        block, held = sets.write(rows, f"{key}[{number}]", kind, stage)
        for name in sets.missing(version):
            block.pop(name, None)
            held.pop(name, None)
        blocks.append(block)
        writing.held |= spread(side, number, {part: (path,) for part, path in held.items()})
        writing.lost |= spread(side, number, notes)
    writing.native[key] = blocks


def _sliced(rows: Rows, values: Mapping[str, Any]) -> Rows:
    """The rows with the most that are to be used as a slice of the split."""
    most = rows.get("samples", values.get("data.samples"))
    split = str(rows.get("split", "train"))
    return rows if most is None or "[" in split else {**rows, "split": f"{split}[:{most}]"}


def _say_samples(train: list[Rows], writing: Writing) -> None:
    why = "the first rows of each split; Axolotl stops where a data set has fewer of them"
    keys = tuple(f"datasets[{number}].split" for number in range(len(train)))
    writing.held["data.samples"] = keys
    writing.lost["data.samples"] = Note("approximate", why)


def _write_rest(values: Mapping[str, Any], writing: Writing, source: str) -> None:
    native, held = writing.native, writing.held
    for key, concept in PLAIN.items():
        if concept in values and mine(key):
            native[key] = values[concept]
            held[concept] = (key,)
    for concept in ("data.eval_share", "data.eval_count"):
        if concept in values:
            native["val_set_size"] = values[concept]
            held[concept] = ("val_set_size",)
            if values[concept]:
                writing.lost[concept] = Note("approximate", _TAIL)
    chat.write(values, writing, source)
