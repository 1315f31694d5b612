"""What Axolotl cannot express of a plan, or does differently: said aloud, one line each."""

from __future__ import annotations

from ftc.backends.axolotl_data import REASONING
from ftc.backends.base import PREFERENCE, Limit, adapted, at_least

MISTRAL = ("mistral", "mistral-nemo")
LIMITS: tuple[Limit, ...] = (
    Limit(
        "min_lr_ratio",
        "warning",
        lambda plan, version: plan.min_lr_ratio is not None and plan.lr_scheduler != "cosine",
        "knows a floor of the learning rate with the cosine only: it is left out",
        "training.lr_scheduler = 'cosine', or leave training.min_lr_ratio out",
    ),
    Limit(
        "gradient_accumulation",
        "warning",
        lambda plan, version: plan.gradient_accumulation > 1 and not at_least(version, "0.21.0"),
        "the loss of a step is the mean of micro-batch means, not of tokens: "
        "short answers weigh more",
        "use 0.21.0, or training.gradient_accumulation = 1",
    ),
    Limit(
        "eval_steps",
        "info",
        lambda plan, version: plan.eval_steps > 0 and not at_least(version, "0.21.0"),
        "evaluates before the first step too; no key of this version stops it",
    ),
    Limit(
        "warmup_steps",
        "warning",
        lambda plan, version: plan.warmup_steps == 1,
        "makes 2 warm-up steps out of 1",
        "training.warmup_steps = 0 or 2",
    ),
    Limit(
        "lora_alpha",
        "error",
        lambda plan, version: plan.lora_alpha is not None and plan.lora_alpha % 1 != 0,
        "accepts whole numbers only as alpha",
        "round lora.alpha",
    ),
    Limit(
        "dtype",
        "error",
        lambda plan, version: plan.dtype == "fp16" and not adapted(plan, version),
        "trains fp16 weights without an fp32 copy: the gradients cannot be unscaled",
        "training.dtype = 'bf16' or 'fp32'",
    ),
    Limit(
        "weight_decay",
        "info",
        lambda plan, version: plan.loraplus_lr_ratio is not None and plan.weight_decay > 0,
        "ignores weight decay with LoRA+",
        "training.weight_decay = 0.0",
    ),
    Limit(
        "neftune_alpha",
        "error",
        lambda plan, version: plan.neftune_alpha is not None and plan.stage in PREFERENCE,
        "adds no NEFTune noise in preference training",
        "leave training.neftune_alpha out",
    ),
    Limit(
        "load_best",
        "warning",
        lambda plan, version: (
            plan.load_best and plan.eval_steps > 0 and plan.save_steps % plan.eval_steps != 0
        ),
        "keeps the last weights, not the best: save_steps is no multiple of eval_steps",
        "training.save_steps = a multiple of training.eval_steps",
    ),
    Limit(
        "packing",
        "error",
        lambda plan, version: plan.packing and plan.stage in PREFERENCE,
        "does not pack preference rows",
        "training.packing = false",
    ),
    Limit(
        "micro_batch",
        "error",
        lambda plan, version: plan.stage == "kto" and plan.micro_batch == 1,
        "refuses KTO with one row a card: the KL term needs another row beside it",
        "training.micro_batch = 2",
    ),
    Limit(
        "stage",
        "error",
        lambda plan, version: plan.has_tools and plan.stage in PREFERENCE,
        "ftc writes no tools into preference rows",
        "take the tools out of the rows",
    ),
    Limit(
        "thinking",
        "info",
        lambda plan, version: (
            not plan.thinking and plan.family in REASONING and plan.stage in PREFERENCE
        ),
        "an empty think block that the template puts before an answer counts as part of it",
    ),
    Limit(
        "thinking",
        "warning",
        lambda plan, version: plan.thinking and plan.family not in REASONING,
        "the template of this family knows no think blocks: the switch does nothing",
        "leave training.thinking out",
    ),
    Limit(
        "family",
        "error",
        lambda plan, version: (
            plan.family in MISTRAL
            and plan.has_tools
            and plan.stage == "sft"
            and plan.tokens == "native"
        ),
        "cannot find the turns of rows with tool calls: it renders them without a call once, which "
        "the model's own template refuses",
        "data.tokens = 'exact'",
    ),
    Limit(
        "tokens",
        "error",
        lambda plan, version: plan.segments == "some" and plan.tokens == "native",
        "reads a file of chats or a file of segments, and these rows are both",
        "leave data.tokens out",
    ),
    Limit(
        "train_on_prompt",
        "info",
        lambda plan, version: (
            plan.train_on_prompt
            and plan.stage == "sft"
            and plan.tokens == "native"
            and plan.segments == "none"
        ),
        "trains on the text of every turn, not on the role headers between them",
    ),
)
