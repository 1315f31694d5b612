"""LLaMA-Factory's data keys, its template for each family, and dataset_info.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ftc.backends import llamafactory_values as values
from ftc.backends.base import PREFERENCE, Key, fixed, same
from ftc.backends.llamafactory_values import READY as READY  # for ftc.convert.rows too
from ftc.plan import Plan


@dataclass(frozen=True)
class Template:
    """A registered template; `system` is what the model's own template says when a row has no
    system turn; `tools` that it lays tools out as the model's own template does; `differs` what is
    known to differ from the model's own template, "" for nothing.
    """

    name: str
    system: str = ""
    tools: bool = False
    reasoning: bool = False
    differs: str = ""


_UNSEEN = "has not been compared with the model's own, token by token"
# Family -> the registered template whose tokens are those of the model's own Jinja template.
TEMPLATES: dict[str, Template] = {
    # `smollm2` is registered too, but its system turn ends in a full stop that the model's lacks.
    "chatml-smollm": Template(
        "smollm",
        system="You are a helpful AI assistant named SmolLM, trained by Hugging Face",
    ),
    "chatml": Template("chatml"),
    "qwen2.5": Template(
        "qwen",
        system="You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
        tools=True,
    ),
    "qwen3": Template(
        "qwen3",
        tools=True,
        reasoning=True,
        differs="puts a masked think block before every answer of a chat, the model's own template "
        "only before the last",
    ),
    "qwen3-2507": Template("qwen3", tools=True, reasoning=True, differs=_UNSEEN),
    "qwen3-instruct": Template("qwen3_nothink", tools=True, differs=_UNSEEN),
    "deepseek-r1": Template("deepseekr1", reasoning=True, differs=_UNSEEN),
    "llama3": Template("llama3"),
    "llama2": Template("llama2", differs=_UNSEEN),
    "mistral": Template(
        "mistral", tools=True, differs="trains on the space in front of an answer too"
    ),
    "mistral-nemo": Template("ministral", tools=True),
    "gemma": Template("gemma"),
    "phi3": Template("phi"),
    "phi4": Template("phi4", differs=_UNSEEN),
    "phi4-mini": Template("phi4_mini", differs=_UNSEEN),
}


def template(plan: Plan) -> Template:
    """The template of the plan's family; pre-training and unknown families get the empty one."""
    if plan.stage == "pretrain":
        return Template("empty")
    if plan.family == "gemma" and plan.model_type == "gemma3":  # its processor wants its own
        return Template("gemma3")
    if plan.tokens == "exact":  # writes nothing, and leaves the tokenizer as it is
        return Template("empty")
    return TEMPLATES.get(plan.family, Template("empty"))


def _write_template(plan: Plan, version: str) -> dict[str, Any]:
    chosen = template(plan)
    # In front of tools LLaMA-Factory writes the preamble itself; rows without have it in the row.
    text = chosen.system or ("" if plan.has_tools else plan.system_preamble)
    return {"template": chosen.name, **({"default_system": text} if text else {})}


def _write_packing(plan: Plan, version: str) -> dict[str, Any]:
    neat = {"neat_packing": plan.packing} if plan.stage == "sft" else {}  # refused elsewhere
    return {"packing": plan.packing, **neat}


def _write_length(plan: Plan, version: str) -> dict[str, Any]:
    length = plan.max_length + values.room(plan.packing, plan.stage == "pretrain")
    return {"cutoff_len": length - length % 8 if plan.packing and _sft(plan, version) else length}


def _sft(plan: Plan, version: str) -> bool:
    return plan.stage == "sft"


def _write_tokens(plan: Plan, version: str) -> dict[str, Any]:
    return {"tokenized_path": READY[plan.stage]} if ready(plan, version) else {}


def ready(plan: Plan, version: str) -> bool:
    """The rows are read as the tokens that ftc wrote."""
    return plan.tokens == "exact" and plan.stage in READY


DATA: tuple[Key, ...] = (
    fixed("dataset", "train", "the rows that ftc wrote"),
    fixed("dataset_dir", ".", "the build folder"),
    fixed(
        "eval_dataset",
        "eval",
        "the rows that ftc held out",
        when=lambda plan, version: plan.eval_steps > 0,
    ),
    fixed("val_size", 0.0, "ftc split the rows already"),
    Key(
        ("tokenized_path",),
        ("tokens",),
        _write_tokens,
        lambda config: {"tokens": "exact" if config.get("tokenized_path") else "native"},
        why="the rows as tokens, which ftc_tokenized.py lays out; other data keys are ignored then",
    ),
    fixed("overwrite_cache", True, "rows are never taken from the cache of another run"),
    Key(
        ("template", "default_system"),
        ("family",),
        _write_template,
        lambda config: {},
        why="the tokens of the model's own template",
    ),
    same("enable_thinking", "thinking", absent=True),
    same("train_on_prompt", "train_on_prompt", when=_sft, absent=False),
    fixed("mask_history", False, "every answer of a chat is trained on", when=_sft),
    Key(
        ("packing", "neat_packing"),
        ("packing",),
        _write_packing,
        values.packing,
    ),
    Key(("cutoff_len",), ("max_length",), _write_length, values.length),
    fixed("disable_shuffling", False, "rows are drawn at random, by the seed"),
    fixed("train_sampling_strategy", "random", "rows are drawn at random"),
)

_TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "observation_tag": "observation",
    "function_tag": "function_call",
    "system_tag": "system",
}


def dataset_info(plan: Plan) -> dict[str, Any]:
    """The contents of dataset_info.json. A column or tag that is left out would become None."""
    names = {"train": "train.jsonl"}
    if plan.eval_steps:
        names["eval"] = "eval.jsonl"
    return {name: {"file_name": file, **_layout(plan)} for name, file in names.items()}


def _layout(plan: Plan) -> dict[str, Any]:
    if plan.stage == "pretrain":
        return {"formatting": "alpaca", "ranking": False, "columns": {"prompt": "text"}}
    columns = {"messages": "conversations" if plan.system_preamble else "messages"}
    if plan.stage == "sft" and plan.has_tools:
        columns = {"messages": "conversations", "tools": "functions"}
    elif plan.stage in ("dpo", "orpo"):
        prompt = "conversations" if plan.system_preamble else "prompt"
        columns = {"messages": prompt, "chosen": "better", "rejected": "worse"}
    elif plan.stage == "kto":
        columns = {"messages": "conversations", "kto_tag": "label"}
    ranking = plan.stage in PREFERENCE and plan.stage != "kto"
    # `openai` would put "detailed thinking off" into every system turn.
    return {"formatting": "sharegpt", "ranking": ranking, "columns": columns, "tags": dict(_TAGS)}
