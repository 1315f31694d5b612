"""One canonical training example, whatever it was read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True)
class Message:
    """A turn. `tool_calls` holds {"name": str, "arguments": dict} of an assistant turn."""

    role: Role
    content: str
    tool_calls: tuple[dict[str, Any], ...] = ()


class Segment(NamedTuple):
    """A piece of a row that is tokenised by itself, and whether the loss takes it in."""

    text: str
    trained: bool


@dataclass(frozen=True)
class Example:
    """A row. `messages` is the whole chat for sft and the prompt for preference stages.

    A row of `segments` has no messages; pretrain uses `text`; dpo and orpo use `chosen` and
    `rejected`; kto uses `completion` and `label`. `id` is a hash of the content, so that equal
    rows have equal ids; `line` is 1-based (row number in Parquet and JSON arrays).
    """

    id: str
    file: str
    line: int
    messages: tuple[Message, ...] = ()
    tools: tuple[dict[str, Any], ...] = ()
    text: str = ""
    chosen: Message | None = None
    rejected: Message | None = None
    completion: Message | None = None
    label: bool | None = None
    segments: tuple[Segment, ...] = ()


@dataclass(frozen=True)
class Rejected:
    """A row that cannot be used, and why."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True)
class Dataset:
    """Train and eval examples in file order, what was refused, and what was left out."""

    source: str
    format: str
    train: tuple[Example, ...]
    eval: tuple[Example, ...]
    rejected: tuple[Rejected, ...]
    left_out: int
