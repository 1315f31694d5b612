"""The factor table as records: ours, and a team's laid over it; `schema` checks what is read."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ftc import kept

SHIPPED = Path(__file__).with_name("table.toml")
Kind = Literal["team", "guide", "paper", "vendor", "example", "judgment"]
Scale = Literal["linear", "log", "integer", "power"]
Value = float | str | bool
QUANTITIES = [
    "method",
    "stage",
    "task",
    "model",
    "device",
    "gpus",
    "rows",
    "vram_gb",
    "params_b",
    "answer_tokens",
    "row_tokens",
    "max_steps",
    "lora_rank",
    "model_type",
    "capability",
]
PARAMETERS = [
    "method",
    "quant_bits",
    "lora_rank",
    "lora_alpha",
    "lora_dropout",
    "lora_targets",
    "learning_rate",
    "lr_scheduler",
    "min_lr_ratio",
    "warmup_steps",
    "epochs",
    "effective_batch",
    "micro_batch",
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
    "tf32",
    "attention",
    "gradient_checkpointing",
    "liger_kernel",
    "zero_stage",
    "preference_beta",
    "preference_loss",
    "desirable_weight",
    "undesirable_weight",
    "evaluations",
    "save_total_limit",
]
PAIRS = ("range", "outer", "outer_times")


class ValueRow(NamedTuple):
    """A value, an ordered choice or a range of one parameter; `outer` is the typical range."""

    id: str
    when: dict[str, Any]
    kind: Kind
    source: str
    note: str
    parameter: str
    value: Value | None
    choices: list[Value] | None
    range: tuple[float, float] | None
    times: float | None
    of: str
    start: float
    scale: Scale
    outer: tuple[float, float] | None
    outer_times: tuple[float, float] | None

    def shown(self) -> str:
        """The cell as a person reads it."""
        if self.range is not None:
            return f"{self.range[0]:g} to {self.range[1]:g}"
        if self.choices is not None:
            return " or ".join(_plain(choice) for choice in self.choices)
        if self.times is not None:
            return f"{self.times:g} × {self.of}"
        return _plain(self.value)


class FactorRow(NamedTuple):
    """Moves ranges by `shift` quarters, down or up."""

    id: str
    when: dict[str, Any]
    kind: Kind
    source: str
    note: str
    parameters: list[str]
    shift: float
    effect: str


class LimitRow(NamedTuple):
    """Bounds a decided value; `max_times` is a multiple of the quantity `of`."""

    id: str
    when: dict[str, Any]
    kind: Kind
    source: str
    note: str
    parameter: str
    min: float | None
    max: float | None
    max_times: float | None
    of: str
    effect: str


class Table(NamedTuple):
    """A whole table; `trust` orders the kinds, most trusted first."""

    trust: list[Kind]
    value: list[ValueRow]
    factor: list[FactorRow]
    limit: list[LimitRow]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for `--format json`, without what a row leaves open."""

        def plain(row: ValueRow | FactorRow | LimitRow) -> dict[str, Any]:
            return {name: part for name, part in row._asdict().items() if part is not None}

        return {
            "trust": self.trust,
            "value": [plain(row) for row in self.value],
            "factor": [plain(row) for row in self.factor],
            "limit": [plain(row) for row in self.limit],
        }


@lru_cache
def shipped() -> Table:
    """The table that ships with ftc; checked once, then kept as it came out of the check."""
    digest = sha256(SHIPPED.read_bytes()).hexdigest()
    return kept.remember("factors", (digest,), lambda: _checked(SHIPPED), _table)


def load(overlays: Iterable[Path] = ()) -> Table:
    """The shipped table with each overlay on top; a row with a known id replaces that row.

    Rows of an overlay without `kind` count as "team". FtcError names file, line and fault.
    """
    table = shipped()
    for path in overlays:
        table = _laid_over(table, _table(_checked(path, team=True)))
    return table


def _checked(path: Path, team: bool = False) -> dict[str, Any]:
    from ftc.factors import schema  # noqa: PLC0415 - costs start-up time, seldom needed

    return schema.read(path, team)


def _table(checked: dict[str, Any]) -> Table:
    def row(part: dict[str, Any]) -> dict[str, Any]:
        pairs = {name: tuple(part[name]) for name in PAIRS if part.get(name) is not None}
        return part | pairs

    return Table(
        trust=checked["trust"],
        value=[ValueRow(**row(part)) for part in checked["value"]],
        factor=[FactorRow(**part) for part in checked["factor"]],
        limit=[LimitRow(**part) for part in checked["limit"]],
    )


def _laid_over(below: Table, top: Table) -> Table:
    def merged(under: Any, over: Any) -> Any:
        replaced = {row.id for row in over}
        return [*over, *(row for row in under if row.id not in replaced)]

    return Table(
        trust=top.trust or below.trust,
        value=merged(below.value, top.value),
        factor=merged(below.factor, top.factor),
        limit=merged(below.limit, top.limit),
    )


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
