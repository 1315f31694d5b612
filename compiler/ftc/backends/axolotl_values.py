"""How Axolotl 0.19.0 and 0.21.0 read the values of a config: text as numbers, old names beside new
ones, several keys for one setting.

A reader leaves a setting out where the value has no place in it; the table of fields then says what
the key means. ValueError: Axolotl itself refuses the value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftc.backends.base import Key, Native, When, always, mapped
from ftc.plan import Plan

# Flag -> name, in the order in which they win; LEGACY_ATTN_FLAG_TO_IMPL of utils/schemas/enums.py.
ATTENTION_FLAGS: Mapping[str, str] = {
    "xformers_attention": "xformers",
    "sage_attention": "sage",
    "flex_attention": "flex_attention",
    "flash_attention": "flash_attention_2",
    "sdp_attention": "sdpa",
    "eager_attention": "eager",
}
ALL_LINEAR = "all-linear"
_OUTSIDE = ("embed_tokens", "lm_head", "wte", "wpe", "embed_in", "embed_out")
_TRUE = ("true", "yes", "y", "on", "t", "1")
_FALSE = ("false", "no", "n", "off", "f", "0")


def number(value: Any) -> float | int:
    """A number, given as such or as text ("2e-5"), as pydantic takes it. ValueError: neither."""
    if isinstance(value, (int, float)):
        return value
    try:
        read = float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{value!r} is no number") from error
    return read


def count(value: Any) -> int:
    """A whole number, given as such, as 3.0 or as text. ValueError: it has a fraction."""
    read = number(value)
    if not float(read).is_integer():
        raise ValueError(f"{value!r} is no whole number, and Axolotl takes no other")
    return int(read)


def truth(value: Any) -> bool:
    """True or false, also in words. ValueError: neither."""
    word = str(value).lower()
    if word not in _TRUE + _FALSE:
        raise ValueError(f"{value!r} is neither true nor false")
    return word in _TRUE


def names(value: Any) -> tuple[str, ...]:
    """A list of names. ValueError: a single text, which Axolotl refuses."""
    if isinstance(value, str):
        raise ValueError(f"{value!r} is one text, and Axolotl takes a list")
    return tuple(value)


def first(config: Native, *keys: str) -> Any:
    """The value of the first of these keys that is set; None where none is."""
    return next((config[key] for key in keys if config.get(key) is not None), None)


def itself(value: Any) -> Any:
    return value


def numeric(native: str, setting: str, old: tuple[str, ...] = (), **more: Any) -> Key:
    """A number; `old` are names that Axolotl still takes for the key."""
    return renamed(mapped(native, setting, itself, number, **more), old)


def counted(native: str, setting: str, **more: Any) -> Key:
    return mapped(native, setting, itself, count, **more)


def given(native: str, setting: str, old: tuple[str, ...] = (), when: When = always) -> Key:
    """A number that is written only when the plan's setting is not None."""

    def wanted(plan: Plan, version: str) -> bool:
        return getattr(plan, setting) is not None and when(plan, version)

    return numeric(native, setting, old, when=wanted, absent=None)


def renamed(key: Key, old: tuple[str, ...]) -> Key:
    """The key, read under old names too, the new one first."""
    new = key.natives[0]

    def read(config: Native) -> dict[str, Any]:
        return key.read({new: first(config, new, *old)})

    return key._replace(natives=(new, *old), read=read) if old else key


def method(config: Native) -> dict[str, Any]:
    """Adapters of plugins are no method that ftc knows."""
    adapter = config.get("adapter")
    if adapter is None:
        for key in ("load_in_4bit", "load_in_8bit"):
            if config.get(key):
                raise ValueError(f"Axolotl refuses {key} without an adapter")
        return {"method": "full"}
    if adapter == "qlora" and (config.get("load_in_8bit") or not config.get("load_in_4bit")):
        raise ValueError("Axolotl refuses adapter: qlora without load_in_4bit, or with 8 bit")
    if adapter not in ("lora", "qlora"):
        return {}
    return {"method": "qlora" if bits(config) else "lora"}


def bits(config: Native) -> int:
    """`adapter: lora` with load_in_4bit is not quantised (loaders/model.py)."""
    if config.get("adapter") == "qlora":
        return 4
    return 8 if config.get("adapter") == "lora" and config.get("load_in_8bit") else 0


def quantised(config: Native) -> dict[str, Any]:
    """Without an adapter nothing is quantised, and these keys tell of the method too."""
    told = method(config)
    if config.get("adapter") is None:
        return {**told, "quant_bits": 0}
    unread = config.get("load_in_4bit") and config["adapter"] == "lora" and not bits(config)
    return {"quant_bits": bits(config)} if told and not unread else {}


def targets(config: Native) -> dict[str, Any]:
    """PEFT takes a list for the ends of names, and a text for a pattern over whole names."""
    listed = config.get("lora_target_modules")
    if config.get("lora_target_linear"):
        several = [] if listed is None else [listed] if isinstance(listed, str) else listed
        beside = any(str(name).rpartition(".")[2] in _OUTSIDE for name in several)
        return {} if beside else {"lora_targets": (ALL_LINEAR,)}
    if isinstance(listed, str):
        return {"lora_targets": (ALL_LINEAR,)} if listed == ALL_LINEAR else {}
    return {"lora_targets": tuple(listed or ())}


def precision(config: Native) -> dict[str, Any]:
    """`auto` is taken for a card that can: bf16. Weights in half precision without scaling
    (float16, or bf16: full) are no type that ftc knows."""
    bf16, fp16 = config.get("bf16", "auto"), bool(config.get("fp16"))
    if bf16 == "full":
        return {}
    if bf16 not in ("auto", None) and truth(bf16):
        return {"dtype": "bf16"}
    if config.get("bfloat16"):
        return {} if fp16 else {"dtype": "bf16"}
    if fp16:
        return {"dtype": "fp16"}
    if bf16 == "auto":
        return {"dtype": "bf16"}
    return {} if config.get("float16") or config.get("load_in_8bit") else {"dtype": "fp32"}


def attention(config: Native) -> dict[str, Any]:
    named = config.get("attn_implementation")
    flags = [flag for flag in ATTENTION_FLAGS if config.get(flag)]
    if named and flags:
        raise ValueError(f"Axolotl refuses attn_implementation beside {', '.join(flags)}")
    name = named or (ATTENTION_FLAGS[flags[0]] if flags else None)
    return {"attention": name} if name else {}


def checkpointing(config: Native) -> dict[str, Any]:
    value = config.get("gradient_checkpointing", False)
    return {} if value in ("offload", "offload_disk") else {"gradient_checkpointing": truth(value)}


FLOORED = "cosine_with_min_lr"  # the name that both tools take from transformers


def scheduler(config: Native) -> dict[str, Any]:
    """A floor that is no share of the learning rate keeps the schedule's own word."""
    name = config.get("lr_scheduler") or "cosine"
    share = (config.get("lr_scheduler_kwargs") or {}).get("min_lr_rate")
    return {"lr_scheduler": "cosine" if name == FLOORED and share is not None else name}


def floor(config: Native) -> dict[str, Any]:
    """Axolotl's own cosine_min_lr_ratio draws the curve of `cosine_with_min_lr`."""
    kwargs = config.get("lr_scheduler_kwargs") or {}
    name = config.get("lr_scheduler") or "cosine"
    own = config.get("cosine_min_lr_ratio")
    if name == FLOORED and kwargs.get("min_lr_rate") is not None:
        return {"min_lr_ratio": number(kwargs["min_lr_rate"])}
    if kwargs or (own and (name != "cosine" or config.get("cosine_constant_lr_ratio"))):
        return {}
    return {"min_lr_ratio": number(own) if own else None}


def steps(config: Native) -> dict[str, Any]:
    """0 and -1 leave the length of the run to num_epochs."""
    found = count(config.get("max_steps", 0))
    return {"max_steps": found} if found > 0 else {}


def evaluations(config: Native) -> dict[str, Any]:
    """A number below 1 is a share of all steps; evaluation each epoch is one an epoch.

    `steps` alone means every logging_steps, which Axolotl bounds by 10 where it is left out."""
    strategy, steps = (
        first(config, "eval_strategy", "evaluation_strategy"),
        config.get("eval_steps"),
    )
    if isinstance(strategy, bool):
        raise ValueError('`no` without quotes is false in YAML, which Axolotl refuses: write "no"')
    if steps and strategy not in (None, "steps"):
        raise ValueError(f"Axolotl refuses eval_steps beside eval_strategy: {strategy}")
    if steps or strategy in (None, "no"):
        return {"eval_steps": number(steps or 0)}
    if strategy not in ("epoch", "steps"):
        raise ValueError(f"{strategy!r} is none of epoch, steps and no")
    if strategy == "steps":
        return {"eval_steps": number(config.get("logging_steps") or 10)}
    return {"evals_per_epoch": 1}


def saves(config: Native) -> dict[str, Any]:
    """Without save_steps, `steps` means transformers' 500."""
    words: dict[Any, dict[str, Any]] = {
        None: {},
        "epoch": {"saves_per_epoch": 1},
        "no": {"saves_per_epoch": 0},
        "best": {"saves_per_epoch": "best"},
        "steps": {"save_steps": 500},
    }
    strategy = config.get("save_strategy")
    if isinstance(strategy, bool):
        raise ValueError('`no` without quotes is false in YAML, which Axolotl refuses: write "no"')
    if strategy not in words:
        raise ValueError(f"{strategy!r} is none of epoch, steps, best and no")
    return {} if first(config, "save_steps", "saves_per_epoch") else words[strategy]


def loss(config: Native) -> dict[str, Any]:
    """Several losses at once are no setting of ftc."""
    kinds = names(config.get("dpo_loss_type") or [None])
    return {"preference_loss": kinds[0]} if len(kinds) == 1 else {}
