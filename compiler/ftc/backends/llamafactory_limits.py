"""What LLaMA-Factory cannot express of a plan, or does differently: said aloud, one line each."""

from __future__ import annotations

from ftc.backends.base import PREFERENCE, Limit
from ftc.backends.llamafactory_data import TEMPLATES, ready, template
from ftc.plan import Plan


def _templated(plan: Plan) -> bool:
    """The tool's own template makes the tokens."""
    return plan.stage != "pretrain" and not ready(plan, "")


def _unknown_family(plan: Plan, version: str) -> bool:
    return _templated(plan) and plan.family not in TEMPLATES


def _differing(setting: str, family: str, text: str) -> Limit:
    return Limit(
        setting,
        "info",
        lambda plan, version: _templated(plan) and plan.family == family,
        f"the template {TEMPLATES[family].name} {text}",
    )


def _flash_packs(plan: Plan) -> bool:
    return _packs(plan) and plan.attention == "flash_attention_2"


def _packs(plan: Plan) -> bool:
    return plan.packing and plan.stage == "sft" and plan.tokens == "native"


def _fp32_copy(plan: Plan, version: str) -> bool:
    return plan.method == "full" and plan.dtype == "bf16" and plan.device == "cpu"


LIMITS: tuple[Limit, ...] = (
    Limit(
        "min_lr_ratio",
        "warning",
        lambda plan, version: plan.min_lr_ratio is not None and plan.lr_scheduler != "cosine",
        "knows a floor of the learning rate with the cosine only: it is left out",
        "training.lr_scheduler = 'cosine', or leave training.min_lr_ratio out",
    ),
    Limit(
        "family",
        "error",
        _unknown_family,
        "no registered template is known to give this model's tokens, and none can be handed over",
        "model.family = one of " + ", ".join(TEMPLATES),
    ),
    *(
        _differing("family", family, entry.differs)
        for family, entry in TEMPLATES.items()
        if entry.differs
    ),
    Limit(
        "family",
        "warning",
        lambda plan, version: _templated(plan) and plan.has_tools and not template(plan).tools,
        "lays tools and calls out in words of its own, not as the model's own template does",
        "a model of a family with tool calls: "
        + ", ".join(name for name, entry in TEMPLATES.items() if entry.tools),
    ),
    Limit(
        "stage",
        "error",
        lambda plan, version: plan.has_tools and plan.stage in PREFERENCE,
        "ftc writes no tools into preference rows",
        "take the tools out of the rows",
    ),
    Limit(
        "tokens",
        "error",
        lambda plan, version: plan.segments != "none" and plan.tokens == "native",
        "has no rows of segments",
        "leave data.tokens out: ftc makes the tokens then",
    ),
    Limit(
        "thinking",
        "warning",
        lambda plan, version: plan.thinking and _templated(plan) and not template(plan).reasoning,
        "the template of this family knows no think blocks: the switch does nothing",
        "leave training.thinking out",
    ),
    Limit(
        "dtype",
        "info",
        _fp32_copy,
        "keeps fp32 weights under bf16 arithmetic on a CPU; the other tool trains bf16 weights",
    ),
    Limit(
        "packing",
        "error",
        lambda plan, version: plan.packing and ready(plan, version),
        "reads rows of tokens one by one, and packs none of them",
        'training.packing = false, or data.tokens = "native"',
    ),
    Limit(
        "tokens",
        "info",
        lambda plan, version: plan.stage == "pretrain" and not ready(plan, version),
        "leaves the end-of-text token out of the loss where the tokenizer pads with it or has no "
        "padding, and the first token out of the text where its class has no add_bos_token",
        'data.tokens = "exact"',
    ),
    Limit(
        "packing",
        "warning",
        lambda plan, version: (
            plan.packing and plan.stage == "pretrain" and not ready(plan, version)
        ),
        "joins documents without a wall between them, and drops what does not fill a block "
        "at the end of every thousand rows",
        "training.packing = false",
    ),
    Limit(
        "packing",
        "error",
        lambda plan, version: plan.packing and plan.stage in PREFERENCE,
        "does not pack preference rows",
        "training.packing = false",
    ),
    Limit(
        "packing",
        "info",
        lambda plan, version: _packs(plan) and plan.attention != "flash_attention_2",
        "keeps packed rows apart with a mask as large as the square of the length",
        "training.attention = 'flash_attention_2' needs none",
    ),
    Limit(
        "max_length",
        "info",
        lambda plan, version: _packs(plan) and plan.max_length % 8 != 0,
        "fills packs to a multiple of 8 tokens",
        "training.max_length = a multiple of 8",
    ),
    Limit(
        "micro_batch",
        "error",
        lambda plan, version: _flash_packs(plan) and plan.micro_batch > 1,
        "takes one pack at a time with FlashAttention",
        "training.micro_batch = 1",
    ),
    Limit(
        "eval_batch",
        "error",
        lambda plan, version: _flash_packs(plan) and plan.eval_steps > 0 and plan.eval_batch > 1,
        "packs held-out rows too, and takes one pack at a time with FlashAttention",
        "training.eval_batch = 1",
    ),
    Limit(
        "packing",
        "info",
        lambda plan, version: _packs(plan),
        "packs once, within each thousand rows, where the other tool packs anew every epoch: "
        "the same number of steps sees other batches",
    ),
    Limit(
        "train_on_prompt",
        "error",
        lambda plan, version: plan.train_on_prompt and plan.stage in PREFERENCE,
        "trains on answers only in preference training",
        "training.train_on_prompt = false",
    ),
)
