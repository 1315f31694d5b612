"""Says what a config is: whose, and what for. By its keys: files are called anything."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ftc.backends import schemas, versions
from ftc.convert.source import Source
from ftc.errors import FtcError
from ftc.recipe import Recipe

TOOLS = {"axolotl": "Axolotl", "llamafactory": "LLaMA-Factory", "recipe": "ftc"}
_PLAIN = ("ray/cloud", "inference")  # told by words that anybody uses: one alone tells nothing
_SHOWN = 4  # keys that `why` names
_MODEL = {"axolotl": "base_model", "llamafactory": "model_name_or_path"}
_WEIGHT = 3  # judgment: the key that names the model outweighs three keys astray

# A data set's table names where its rows are.
_SETS = frozenset({"file_name", "hf_hub_url", "ms_hub_url", "om_hub_url", "script_url"})
_RECIPE = frozenset({"model", "data", "prepare", "training", "lora", "hardware"})
_AXOLOTL = frozenset(
    {"datasets", "pretraining_dataset", "rl", "adapter", "learning_rate", "optimizer"}
    | {"num_epochs", "max_steps", "micro_batch_size", "gradient_accumulation_steps"}
)
_LLAMAFACTORY = frozenset(
    {"dataset", "tokenized_path", "learning_rate", "num_train_epochs", "max_steps", "lora_rank"}
    | {"per_device_train_batch_size", "gradient_accumulation_steps", "lr_scheduler_type"}
)
_MEASURES = frozenset({"task", "task_dir", "n_shot", "save_dir", "lang"})
# Other trainers take the arguments of transformers too, and these are not among them.
_NOT_TRL = frozenset({"dataset", "stage", "finetuning_type", "template", "cutoff_len"})
_HINTS = {
    "merge": "it trains nothing: give the config that trained the adapter",
    "inference": "it only loads a model: give the config that trained it",
    "evaluation": "it only measures a model: give the config that trained it",
    "accelerate": "it says how processes start: give the training config that runs under it",
    "deepspeed": "a training config names it under `deepspeed`: give that config",
    "dataset_info": "it describes data sets: give the training config that names them",
    "ray/cloud": "it says where a job runs: give the training config",
    "llamafactory v1": "ftc reads configs of llamafactory-cli train without USE_V1",
}


@dataclass(frozen=True)
class Kind:
    """Whose config it is and what for; `why` names the keys that tell.

    tool: "axolotl", "llamafactory", "recipe", "accelerate", "deepspeed", "ray", "peft", ... or "";
    what: "training", "merge", "inference", "evaluation", "accelerate", "deepspeed",
    "llamafactory v1", "ray/cloud", "dataset_info" or "unknown".
    """

    tool: str
    what: str
    why: str


def of(source: Source) -> Kind:
    """What the config is; "unknown" where its keys do not say, or say two things alike."""
    values = {key: value for key, value in source.values.items() if value is not None}
    if _is_recipe(source, values):
        return Kind("recipe", "training", _named(values, Recipe.model_fields))
    if _is_sets(values):
        return Kind("llamafactory", "dataset_info", "its tables name files or hub data sets")
    scores = _scores(source.values)
    best = max(score for score, *_ in scores)
    first = [it for it in scores if it[0] == best]
    if not best:
        return Kind("", "unknown", _unknown(source.values))
    if len(first) > 1:
        tools = " and ".join(sorted({it[1] for it in first}))
        return Kind("", "unknown", f"its keys are those of {tools} alike")
    _, tool, what, known = first[0]
    kind = Kind(tool, what, _named(source.values, known))
    return _purpose(kind, values) if what == "training" else kind


def training(source: Source) -> str:
    """The tool of a training config: "axolotl", "llamafactory" or "recipe".

    FtcError that says what any other file is, and what to give instead.
    """
    kind = of(source)
    if kind.what == "training" and kind.tool in TOOLS:
        return kind.tool
    if kind.what == "unknown":
        what = f"is no training config: {kind.why}"
        hint = "give a training config of Axolotl or LLaMA-Factory, or a recipe"
    elif kind.what == "training":
        what = f"is a training config of {kind.tool} ({kind.why})"
        hint = "ftc reads those of Axolotl and LLaMA-Factory, and recipes"
    else:
        owner = TOOLS.get(kind.tool, kind.tool)
        name = "" if kind.what in (kind.tool, "llamafactory v1") else f" of {owner}"
        word = {"llamafactory v1": "LLaMA-Factory v1"}.get(kind.what, kind.what)
        what = f"is no training config: it is {_article(word)} {word} file{name} ({kind.why})"
        hint = _HINTS[kind.what]
    raise FtcError(f"{source.path}: {what}", hint=hint)


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


@cache
def _known() -> dict[str, frozenset[str]]:
    """The keys at the top that each tool has, in any version."""
    return {
        name: frozenset(
            key for line in versions.of(name) for key in schemas.fields(name, line.version)
        )
        for name in versions.BACKENDS
    }


def _unknown(values: Mapping[str, Any]) -> str:
    both = frozenset.intersection(*_known().values())
    if both & values.keys():
        return f"both tools know its keys ({_named(values, both)}), and no key is of one alone"
    return f"ftc knows none of its keys ({_named(values, values)})"


@cache
def others() -> tuple[tuple[str, str, frozenset[str]], ...]:
    """(tool, what, keys) of files that lie beside training configs."""
    table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
    return tuple((it["tool"], it["what"], frozenset(it["keys"])) for it in table["kind"])


def _scores(values: Mapping[str, Any]) -> list[tuple[int, str, str, Collection[str]]]:
    """(points, tool, what, keys) of every kind that can be told by its keys at the top."""
    found: list[tuple[int, str, str, Collection[str]]] = []
    for tool, every in _known().items():
        keys = every.difference(*(it for name, it in _known().items() if name != tool))
        extra = _WEIGHT - 1 if _MODEL[tool] in values else 0
        found.append((len(keys & values.keys()) + extra, tool, "training", keys))
    for tool, what, keys in others():
        score = len(keys & values.keys())
        found.append((score if score > 1 or what not in _PLAIN else 0, tool, what, keys))
    return found


def _is_recipe(source: Source, values: Mapping[str, Any]) -> bool:
    """A recipe has its model and its tables; neither tool reads TOML."""
    known = values.keys() & Recipe.model_fields.keys()
    if source.form == "toml":
        return bool(known & _RECIPE)
    tables = any(isinstance(values.get(name), dict) for name in _RECIPE - {"model"})
    return "model" in values and tables and 2 * len(known) > len(values)


def _is_sets(values: Mapping[str, Any]) -> bool:
    return bool(values) and all(
        isinstance(value, dict) and _SETS & value.keys() for value in values.values()
    )


def _purpose(kind: Kind, values: Mapping[str, Any]) -> Kind:
    """What a config of the tools is for: neither needs a key of its own to say so."""
    found = _llamafactory(kind, values) if kind.tool == "llamafactory" else _axolotl(kind, values)
    if found.what == "inference" and _MODEL[kind.tool] not in values:
        return Kind("", "unknown", f"of its keys, ftc knows {kind.why}")
    return found


def _axolotl(kind: Kind, values: Mapping[str, Any]) -> Kind:
    if values.keys() & _AXOLOTL:
        return kind
    if any(key.startswith("lm_eval") for key in values):
        return Kind(kind.tool, "evaluation", "lm_eval keys, and no data set")
    if "lora_model_dir" in values:
        return Kind(kind.tool, "merge", "lora_model_dir, and no data set")
    return Kind(kind.tool, "inference", "a model, and nothing to train it on")


def _llamafactory(kind: Kind, values: Mapping[str, Any]) -> Kind:
    """`do_train` decides; where it is left out, it may be given on the command line."""
    if "dataset_name" in values and not values.keys() & _NOT_TRL:
        return Kind("trl", "training", "dataset_name, and none of LLaMA-Factory's keys for data")
    if values.get("do_train"):
        return Kind(kind.tool, "training", "do_train")
    if values.get("do_predict") or values.get("do_eval") or values.get("predict_with_generate"):
        return Kind(kind.tool, "evaluation", "do_predict or do_eval, without do_train")
    if len(_MEASURES & values.keys()) > 1:
        return Kind(kind.tool, "evaluation", _named(values, _MEASURES))
    if "export_dir" in values:
        return Kind(kind.tool, "merge", "export_dir, without do_train")
    if "do_train" not in values and values.keys() & _LLAMAFACTORY:
        named = _named(values, _LLAMAFACTORY)
        why = f"{named}; do_train is left out: nothing is trained until it is given"
        return Kind(kind.tool, "training", why)
    return Kind(kind.tool, "inference", "a model, and nothing to train it on")


def _named(values: Mapping[str, Any], known: Collection[str]) -> str:
    names = [key for key in values if key in known]
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
