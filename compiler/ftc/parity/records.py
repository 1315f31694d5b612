"""What a backend itself tells of a build: rows, schedule, trained parameters, losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Level = Literal["tokens", "steps", "loss"]
LEVELS: tuple[Level, ...] = ("tokens", "steps", "loss")
Part = Literal["train", "eval"]
UNTRAINED = -100  # the label of a token that the loss leaves out, in both tools


@dataclass(frozen=True)
class Row:
    """One sequence as a backend's trainer gets it, unpadded; `ids`, `labels`, `mask` equally long.

    `role` is "chosen" or "rejected" for the two sequences of a preference pair, "desirable" or
    "undesirable" for a rated one, "" else. A label is UNTRAINED or the id itself.
    """

    ids: tuple[int, ...]
    labels: tuple[int, ...]
    mask: tuple[int, ...]
    role: str = ""


@dataclass(frozen=True)
class Group:
    """Parameters that the optimizer treats alike; names as PEFT or transformers give them, sorted.

    `rate` is the learning rate at its peak (the group's `initial_lr`).
    """

    weight_decay: float
    rate: float
    names: tuple[str, ...]


@dataclass(frozen=True)
class Schedule:
    """The optimizer steps of a whole run as a backend's trainer plans them.

    `rates[i]` is the learning rate of the first group at optimizer step i (from 0). `arguments`
    holds what the trainer and its optimizer go by, under the field's names: max_steps, epochs,
    micro_batch, gradient_accumulation, effective_batch, warmup_steps, lr_scheduler, optimizer,
    adam_beta1, adam_beta2, adam_epsilon, weight_decay, max_grad_norm, neftune_alpha,
    label_smoothing, seed, loss_average ("tokens" or "micro-batches"), and preference_beta,
    preference_loss, desirable_weight, undesirable_weight where they apply. `adapter` is what
    PEFT's config says (rank, alpha, dropout, dora, rslora, targets, modules_to_save), {} for full.
    """

    steps: int
    rates: tuple[float, ...]
    groups: tuple[Group, ...]
    trainable: Mapping[str, tuple[int, ...]]  # parameter of the real model -> shape
    arguments: Mapping[str, Any]
    adapter: Mapping[str, Any]


@dataclass(frozen=True)
class Told:
    """All that one backend said of one build folder."""

    backend: str
    version: str
    libraries: Mapping[str, str]  # torch, transformers, peft, trl -> version
    rows: Mapping[Part, Sequence[Row]]
    schedule: Schedule | None = None
    losses: tuple[float, ...] = ()  # of each optimizer step, as the trainer averages it
    settings: Mapping[str, Any] = field(default_factory=dict)  # plan settings read from the config
