"""Native keys that undo what ftc did about the rows: files, lengths, templates, caches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ftc.rules.case import Case, Fault

OWNED = {
    "axolotl": frozenset(
        {
            "base_model",
            "datasets",
            "test_datasets",
            "output_dir",
            "chat_template",
            "rl",
            "adapter",
            "deepspeed",
            "plugins",
            "pretraining_dataset",
        }
    ),
    "llamafactory": frozenset(
        {
            "model_name_or_path",
            "dataset",
            "dataset_dir",
            "eval_dataset",
            "output_dir",
            "stage",
            "finetuning_type",
            "deepspeed",
            "do_train",
            "overwrite_output_dir",
            "default_system",
        }
    ),
}
CACHES = {"axolotl": "dataset_prepared_path", "llamafactory": "tokenized_path"}
LENGTHS = {"axolotl": "sequence_len", "llamafactory": "cutoff_len"}
SPLITS = {"axolotl": "val_set_size", "llamafactory": "val_size"}
FOREIGN_TEMPLATES = ("default", "alpaca", "empty", "vanilla")


def where(backend: str, key: str) -> str:
    return f"backend.{backend}.{key}"


def leaves(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every (dotted key, value) of a table of native keys, tables in lists included."""
    for key, value in table.items():
        dotted = f"{prefix}{key}"
        yield dotted, value
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                yield from leaves(inner, f"{dotted}.")


def native_owned_key(case: Case) -> Iterator[Fault]:
    """A native key that ftc needs for itself is overridden.

    Model, data files, folders and method hold the build together: with another value the facts, the
    lock and the checks speak of something that is not trained.

    Source: ftc's own build folder (docs/build.md).
    """
    for backend, _ in case.backends:
        for key in sorted(OWNED.get(backend, frozenset()) & case.native(backend).keys()):
            text = f"{key} is ftc's own: what was checked is no longer what is trained"
            yield Fault(where(backend, key), text, "say it in the recipe's own words")


def native_stale_cache(case: Case) -> Iterator[Fault]:
    """A folder of tokenised rows is named, so that changed rows may not be read.

    Axolotl's cache does not look at the file's content; LLaMA-Factory takes the folder as it is and
    ignores all data keys. ftc keeps the cache inside the run folder.

    Source: axolotl#1265 (the cache of another model); LLaMA-Factory#3290, #6335.
    """
    for backend, key in CACHES.items():
        if key in case.native(backend):
            text = f"{key} may hold rows of an earlier state of the data"
            yield Fault(where(backend, key), text, "remove the key")


def native_length(case: Case) -> Iterator[Fault]:
    """A native length is below the longest row that ftc kept.

    ftc kept rows up to `max_length`; LLaMA-Factory would cut them inside the answer, Axolotl stops.

    Source: LLaMA-Factory#3995; `excess_length_strategy: raise`, which ftc writes for Axolotl.
    """
    rows = case.facts.data.train.total
    longest = max((rows[i] for i in case.fitting), default=0)
    for backend, key in LENGTHS.items():
        value = case.native(backend).get(key)
        if isinstance(value, int) and value < longest and case.plan.stage != "pretrain":
            text = f"{key} {value} is below the longest kept row of {longest} tokens"
            yield Fault(where(backend, key), text, f"set training.max_length = {value}")


def native_val_split(case: Case) -> Iterator[Fault]:
    """A native key splits the rows a second time.

    ftc has split them already, by a hash of the row. Both tools refuse a split beside files of
    held-out rows, and a value of 1.0 crashes LLaMA-Factory.

    Source: schemas of both tools; LLaMA-Factory `data/data_utils.py::split_dataset`.
    """
    for backend, key in SPLITS.items():
        if case.native(backend).get(key):
            text = f"{key} splits rows that ftc has already split"
            yield Fault(where(backend, key), text, "set data.eval in the recipe")


def native_max_samples(case: Case) -> Iterator[Fault]:
    """`max_samples` throws rows away.

    41 of LLaMA-Factory's 49 examples that set it say 1000; copied into a real run it silently drops
    the rest of the data.

    Source: LLaMA-Factory's shipped examples, counted.
    """
    value = case.native("llamafactory").get("max_samples")
    if isinstance(value, int) and value < case.plan.train_rows:
        text = f"max_samples {value} leaves {case.plan.train_rows - value:,} rows out in silence"
        yield Fault(where("llamafactory", "max_samples"), text, "set data.samples in the recipe")


def native_openai_format(case: Case) -> Iterator[Fault]:
    """`formatting: openai` writes into the system prompt.

    LLaMA-Factory's converter adds "detailed thinking off" to every system turn. ftc writes
    `sharegpt` with all tags, which gives the same tokens without it.

    Source: LLaMA-Factory `data/converter.py::OpenAIDatasetConverter`.
    """
    for key, value in leaves(case.native("llamafactory")):
        if key.rpartition(".")[2] == "formatting" and value == "openai":
            text = 'the openai format puts "detailed thinking off" into the system turn'
            yield Fault(where("llamafactory", key), text, "remove the key")


def native_template(case: Case) -> Iterator[Fault]:
    """A native key replaces the model's chat template.

    LLaMA-Factory's `default`, `alpaca` and `empty` are no model's own template; with a wrong one
    accuracy was seen to fall to half. An empty name makes it guess.

    Source: LLaMA-Factory#2509 (26 % with `default`, 57 % with `qwen`), #5489.
    """
    native = case.native("llamafactory")
    if "template" not in native or case.plan.stage == "pretrain":
        return
    name = native["template"]
    if not name or name in FOREIGN_TEMPLATES:
        text = f"template {name!r} is not that of the model"
        yield Fault(where("llamafactory", "template"), text, "remove it, or set model.family")


def native_mask_history(case: Case) -> Iterator[Fault]:
    """`mask_history` trains the last answer of a chat only.

    Axolotl has no such switch: the two tools would train different tokens.

    Source: LLaMA-Factory `hparams/data_args.py`; Axolotl's `roles_to_train` cannot say "last".
    """
    if case.native("llamafactory").get("mask_history") and case.facts.data.multi_turn:
        text = f"only the last answer is trained in {case.facts.data.multi_turn:,} longer chats"
        remedy = "split these chats into rows that end with the answer to train"
        yield Fault(where("llamafactory", "mask_history"), text, remedy)


def native_dollar_brace(case: Case) -> Iterator[Fault]:
    """A text holds `${` without its end.

    LLaMA-Factory reads its config through OmegaConf, which takes `${` for the start of a reference
    and stops with GrammarParseError.

    Source: seen with LLaMA-Factory 0.9.5.
    """
    if not case.version("llamafactory"):
        return
    texts = [("model.id", case.plan.model)]
    for key, value in leaves(case.native("llamafactory")):
        items = value if isinstance(value, list) else [value]
        texts += [(where("llamafactory", key), text) for text in items if isinstance(text, str)]
    for place, text in texts:
        start = text.rfind("${")
        if start >= 0 and "}" not in text[start:]:
            yield Fault(place, f"{text!r} holds an open ${{", "close the brace, or leave it out")
