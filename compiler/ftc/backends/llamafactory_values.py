"""What the values of LLaMA-Factory configs mean that people wrote, beyond those that ftc writes.

A reader gives the plan's settings, or concepts by the names of `fields/llamafactory.toml`; nothing
where that table has to say what a value is. ValueError: the tool itself refuses the value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ftc.backends.base import Key, Native, When, always, mapped, whole

STAGES = {"sft": "sft", "pretrain": "pt", "dpo": "dpo", "orpo": "dpo", "kto": "kto"}
STAGES |= {"simpo": "dpo", "reward": "rm", "ppo": "ppo"}  # which no recipe has
BY_LOSS = ("orpo", "simpo")  # stages of their own elsewhere, to this tool losses of the stage dpo
READY = {"sft": "tokenized", "pretrain": "tokenized-documents"}
FLOORED = "cosine_with_min_lr"  # the name that both tools take from transformers
ALL_LINEAR = ("all-linear",)  # PEFT's word
SAVE_STEPS = LOGGING_STEPS = 500
ATTENTION = {"sdpa": "sdpa", "fa2": "flash_attention_2", "disabled": "eager"}


def told(native: str, setting: str, read: Callable[[Native], dict[str, Any]]) -> Key:
    """A native key that tells a setting which another line of the table writes."""
    return Key((native,), (setting,), lambda plan, version: {}, read)


def unsaid(**settings: Any) -> Key:
    """What settings are where no key tells of them."""
    return Key((), tuple(settings), lambda plan, version: {}, lambda config: dict(settings))


def number(native: str, setting: str, *, when: When = always, absent: Any = ...) -> Key:
    """A native key that holds a number as it is; text of digits fails in the tool's optimizer."""
    missing = {} if absent is ... else {"absent": absent}
    return mapped(native, setting, _itself, checked, when=when, **missing)


def some_number(native: str, setting: str, when: When = always) -> Key:
    """A native key that is written only when the plan has the number."""

    def given(plan: Any, version: str) -> bool:
        return getattr(plan, setting) is not None and when(plan, version)

    return number(native, setting, when=given, absent=None)


def checked(value: Any) -> Any:
    """A number as it is; ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{value!r} is no number, and the tool makes none of it")
    return value


def _itself(value: Any) -> Any:
    return value


# ------------------------------------------------------------------------------ model and method


def revision(config: Native) -> dict[str, Any]:
    """Nothing for main, which is what every tool takes."""
    name = config.get("model_revision", "main")
    return {} if name == "main" else {"model_revision": name}


def stage(config: Native) -> dict[str, Any]:
    """The stage in the recipe's words, and in the other tool's where no recipe has it."""
    name = config.get("stage", "sft")
    if config.get("tokenized_path") == READY["pretrain"]:
        return {"stage": "pretrain"}
    if name == "dpo" and config.get("pref_loss") in BY_LOSS:
        return {"stage": config["pref_loss"]}
    for word, native in STAGES.items():
        if native == name:
            return {"stage": word}
    raise ValueError(f"{name!r} is no stage")


def loss(config: Native) -> dict[str, Any]:
    """The loss of DPO; the stage, where that is what it says."""
    if config.get("stage") != "dpo":
        return {}
    name = config.get("pref_loss", "sigmoid")
    return {"stage": name} if name in BY_LOSS else {"preference_loss": name}


def seed(config: Native) -> dict[str, Any]:
    """The seed of the rows' order, where it is that of the run."""
    same = config.get("data_seed") == config.get("seed", 42)
    return {"seed": config["data_seed"]} if same else {}


def bits(config: Native) -> dict[str, Any]:
    """Bits that bitsandbytes quantises to; hqq and eetq have no counterpart, and with any other
    word, `bitsandbytes` among them, the tool quantises nothing."""
    found = config.get("quantization_bit")
    if config.get("quantization_method", "bnb") != "bnb":
        return {}
    if found is not None and found not in (4, 8):
        raise ValueError(f"bitsandbytes has no {found!r} bits")
    return {"quant_bits": found or 0}


def method(config: Native) -> dict[str, Any]:
    """full, lora or qlora; nothing for freeze and oft."""
    kind = config.get("finetuning_type", "lora")
    if kind not in ("lora", "oft", "freeze", "full"):
        raise ValueError(f"{kind!r} is no finetuning_type")
    if kind == "lora":
        return {"method": "qlora" if bits(config).get("quant_bits") else "lora"}
    return {"method": kind} if kind == "full" else {}


def alpha(config: Native) -> dict[str, Any]:
    """Twice the rank where it is left out or 0; nothing where no LoRA is trained."""
    if config.get("finetuning_type", "lora") != "lora":
        return {}
    given = config.get("lora_alpha")
    value = checked(given) if given else 2 * checked(config.get("lora_rank", 8))
    return {"lora_alpha": whole(value)}


def names(value: Any) -> tuple[str, ...]:
    """Module names out of a list, or of a text with commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise ValueError(f"{value!r} is no list of names")


def targets(value: Any) -> tuple[str, ...]:
    """Module names; PEFT's word for all of them."""
    found = names(value)
    return ALL_LINEAR if found == ("all",) else found


def target_text(found: tuple[str, ...]) -> str:
    """Module names as the tool has them."""
    return "all" if tuple(found) == ALL_LINEAR else ",".join(found)


# ------------------------------------------------------------------------------------- precision


def dtype(config: Native) -> dict[str, Any]:
    """The type that is computed in; with neither key no autocast runs."""
    half = bool(config.get("bf16")) or bool(config.get("pure_bf16"))
    if config.get("bf16") and config.get("fp16"):
        raise ValueError("at most one of bf16 and fp16")
    return {"dtype": "bf16" if half else "fp16" if config.get("fp16") else "fp32"}


def pure(config: Native) -> dict[str, Any]:
    """The type, where trained weights are kept as the other tool keeps them."""
    full = config.get("finetuning_type", "lora") == "full"
    return dtype(config) if bool(config.get("pure_bf16")) == full else {}


def device(config: Native) -> dict[str, Any]:
    """The CPU where it is said; a card needs no word."""
    return {"device": "cpu"} if config.get("use_cpu") else {}


def attention(config: Native) -> dict[str, Any]:
    """Nothing for auto, which leaves the choice to transformers."""
    word = config.get("flash_attn", "auto")
    if word == "auto":
        return {}
    if word not in ATTENTION:
        raise ValueError(f"{word!r} is none of auto, disabled, sdpa, fa2")
    return {"attention": ATTENTION[word]}


def checkpointing(config: Native) -> dict[str, Any]:
    """transformers' own switch, which counts where the tool's is off."""
    on = config.get("disable_gradient_checkpointing") and config.get("gradient_checkpointing")
    return {"gradient_checkpointing": True} if on else {}


def liger(config: Native) -> dict[str, Any]:
    """transformers' own switch for the kernels that enable_liger_kernel switches on."""
    return {"liger_kernel": True} if config.get("use_liger_kernel") else {}


# ------------------------------------------------------------------------------------------ rows


def packing(config: Native) -> dict[str, Any]:
    """Whether rows are packed, each for itself; nothing where packed rows see each other.

    Documents of a pre-training always do, and are packed unless it is said that they are not.
    """
    neat, said = bool(config.get("neat_packing")), config.get("packing")
    documents = stage(config)["stage"] == "pretrain"
    if said and not neat and not documents:
        return {}
    return {"packing": neat or (documents if said is None else bool(said))}


def room(packed: bool, pretraining: bool) -> int:
    """Tokens more than max_length. Packing takes one off again; packs of chats are padded to a
    multiple of 8 by their collator, which forgets the position ids unless they are one already.
    """
    return 0 if not packed else 1 if pretraining else 8


def length(config: Native) -> dict[str, Any]:
    """Tokens that a row may have; a pack has room for the padding beside."""
    packed = bool(config.get("packing") or config.get("neat_packing"))
    less = room(packed, config.get("stage") == "pt")
    return {"max_length": checked(config.get("cutoff_len", 2048)) - less}


# ---------------------------------------------------------------------------- schedule and loop


def _schedule_arguments(config: Native) -> Mapping[str, Any]:
    found = config.get("lr_scheduler_kwargs") or {}
    if isinstance(found, str):
        found = json.loads(found)
        # As text it is one key, which can only be heard as a whole.
        found = found if isinstance(found, dict) and found.keys() <= {"min_lr_rate"} else {}
    if not isinstance(found, Mapping):
        raise ValueError("lr_scheduler_kwargs is no table")
    return found


def floor(config: Native) -> dict[str, Any]:
    """The floor of the cosine as a share of the highest rate."""
    value = _schedule_arguments(config).get("min_lr_rate")
    floored = config.get("lr_scheduler_type", "linear") == FLOORED and value is not None
    return {"min_lr_ratio": checked(value)} if floored else {}


def scheduler(config: Native) -> dict[str, Any]:
    """cosine where its floor stands in min_lr_ratio; else transformers' own word."""
    name = config.get("lr_scheduler_type", "linear")
    return {"lr_scheduler": "cosine" if floor(config) else name}


def warmup(config: Native) -> dict[str, Any]:
    """Whole steps, or the share of all steps that a number below 1 is; warmup_ratio wins."""
    if config.get("warmup_ratio") is not None:
        return {}
    value = checked(config.get("warmup_steps", 0))
    if value < 0:
        raise ValueError("less than no steps of warm-up")
    return {"warmup_ratio": value} if 0 < value < 1 else {"warmup_steps": int(value)}


def limit(config: Native) -> dict[str, Any]:
    """Steps of the whole run; nothing for -1."""
    value = checked(config.get("max_steps", -1))
    return {"max_steps": value} if value > 0 else {}


def evaluations(config: Native) -> dict[str, Any]:
    """Steps between evaluations, or a share of all steps below 1; 0 for never."""
    word = _strategy(config, "eval_strategy", "no", ("no", "steps", "epoch"))
    if word == "epoch":
        return {}
    every = config.get("eval_steps") or config.get("logging_steps", LOGGING_STEPS)
    return {"eval_steps": whole(checked(every)) if word == "steps" else 0}


def saves(config: Native) -> dict[str, Any]:
    """Steps between checkpoints, or a share of all steps below 1."""
    word = _strategy(config, "save_strategy", "steps", ("no", "steps", "epoch", "best"))
    every = config.get("save_steps", SAVE_STEPS)
    return {"save_steps": whole(checked(every))} if word == "steps" else {}


def _strategy(config: Native, native: str, default: str, known: tuple[str, ...]) -> str:
    word = config.get(native, default)
    if word is False:
        raise ValueError('no without quotes is false in YAML, which the tool refuses: write "no"')
    if word not in known:
        raise ValueError(f"{word!r} is none of {', '.join(known)}")
    return str(word)
