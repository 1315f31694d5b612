"""The plan: every training setting resolved, in the field's own words, each with its origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ftc.recipe import Method, Optimizer, Scheduler, Stage, Task

OriginKind = Literal["recipe", "factor", "fact", "budget", "derived", "fixed"]


@dataclass(frozen=True)
class Origin:
    """Where a value comes from.

    `text` is one line; `steps` the chain that `ftc explain` prints; `beside` what other sources
    say; `changes` what would change the value; `row` the deciding row of the factor table.
    """

    kind: OriginKind
    text: str
    steps: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    row: str = ""
    row_kind: str = ""


@dataclass(frozen=True)
class Plan:
    """Complete and free of backend words. Lengths in tokens, memory in GiB, rates per step."""

    name: str
    stage: Stage
    task: Task
    # model
    model: str  # what a backend loads: an absolute folder, or a hub id
    model_revision: str | None
    model_type: str  # `model_type` of config.json, "" when unknown
    family: str  # name of the chat template family, "" when unknown
    turn_end: str  # token that ends an assistant turn, "" when unknown
    system_preamble: str  # what the chat template writes before every system text, "" for nothing
    template_date: str  # the date that the chat template is told, "" where it asks for none
    thinking: bool
    # method
    method: Method  # never "auto"
    quant_bits: Literal[0, 4, 8]
    lora_rank: int | None
    lora_alpha: float | None
    lora_dropout: float | None
    lora_targets: tuple[str, ...]  # () for full
    lora_modules_to_save: tuple[str, ...]
    lora_dora: bool
    lora_rslora: bool
    loraplus_lr_ratio: float | None
    # hardware and precision
    device: Literal["gpu", "cpu"]
    gpus: int
    dtype: Literal["bf16", "fp16", "fp32"]
    tf32: bool
    attention: Literal["sdpa", "flash_attention_2", "eager"]
    gradient_checkpointing: bool
    liger_kernel: bool  # norms, rotary embedding, MLP and loss by Liger's kernels, all or none
    zero_stage: Literal[0, 1, 2, 3]
    offload_optimizer: bool
    # data
    train_rows: int
    eval_rows: int
    has_tools: bool
    max_length: int
    packing: bool
    train_on_prompt: bool
    tokens: Literal["native", "exact"]  # exact: ftc makes the ids and labels, both tools read them
    # optimisation
    learning_rate: float
    lr_scheduler: Scheduler
    min_lr_ratio: float | None
    warmup_steps: int
    epochs: float
    max_steps: int  # optimizer steps of the whole run
    effective_batch: int  # rows per optimizer step over all cards
    micro_batch: int
    gradient_accumulation: int
    optimizer: Optimizer
    adam_beta1: float
    adam_beta2: float
    adam_epsilon: float
    weight_decay: float
    max_grad_norm: float
    neftune_alpha: float | None
    seed: int
    # loop
    eval_steps: int  # 0: never evaluate
    eval_batch: int
    save_steps: int
    save_total_limit: int
    load_best: bool
    logging_steps: int
    # preference stages
    preference_beta: float | None
    preference_loss: Literal["sigmoid", "hinge", "ipo"] | None
    desirable_weight: float | None
    undesirable_weight: float | None

    segments: Literal["none", "some", "all"] = "none"  # rows that say which pieces are trained
    origins: Mapping[str, Origin] = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """Every setting by name, without the origins."""
        return {
            name: getattr(self, name) for name in self.__dataclass_fields__ if name != "origins"
        }

    def as_dict(self) -> dict[str, Any]:
        """Plain data for `--format json`: name -> {value, origin}."""
        return {
            name: {"value": value, "origin": asdict(self.origins[name])}
            for name, value in self.values().items()
            if name in self.origins
        }


_TRAINING = (
    "learning_rate",
    "lr_scheduler",
    "min_lr_ratio",
    "warmup_steps",
    "epochs",
    "max_steps",
    "effective_batch",
    "micro_batch",
    "gradient_accumulation",
    "max_length",
    "packing",
    "optimizer",
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "weight_decay",
    "max_grad_norm",
    "neftune_alpha",
    "train_on_prompt",
    "thinking",
    "seed",
    "dtype",
    "tf32",
    "attention",
    "gradient_checkpointing",
    "liger_kernel",
    "zero_stage",
    "offload_optimizer",
    "eval_steps",
    "eval_batch",
    "save_steps",
    "save_total_limit",
    "load_best",
    "logging_steps",
)

# Plan setting -> where a recipe sets it. What is not here is looked up or derived.
PATHS: dict[str, str] = {
    "stage": "stage",
    "task": "task",
    "method": "method",
    "model": "model.id",
    "model_revision": "model.revision",
    "family": "model.family",
    "device": "hardware.device",
    "gpus": "hardware.gpus",
    "tokens": "data.tokens",
    "quant_bits": "lora.bits",
    "lora_rank": "lora.rank",
    "lora_alpha": "lora.alpha",
    "lora_dropout": "lora.dropout",
    "lora_targets": "lora.targets",
    "lora_modules_to_save": "lora.modules_to_save",
    "lora_dora": "lora.dora",
    "lora_rslora": "lora.rslora",
    "loraplus_lr_ratio": "lora.loraplus_lr_ratio",
    "preference_beta": "preference.beta",
    "preference_loss": "preference.loss",
    "desirable_weight": "preference.desirable_weight",
    "undesirable_weight": "preference.undesirable_weight",
} | {name: f"training.{name}" for name in _TRAINING}
