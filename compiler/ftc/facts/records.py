"""The shape of facts: frozen records that `resolve`, rules and backends read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from ftc.data.example import Role
from ftc.memory.shape import Shape

if TYPE_CHECKING:
    from ftc import recipe


class Family(NamedTuple):
    """A chat template family by ftc's name; each backend maps that name to its own template.

    `turn_end` is the token that ends an assistant turn; `reasoning` families know think blocks.
    """

    name: str
    turn_end: str
    reasoning: bool = False


@dataclass(frozen=True)
class TokenizerFacts:
    """Special tokens as text ("" when there is none) and the model's own Jinja chat template."""

    bos: str
    eos: str
    pad: str
    chat_template: str
    adds_bos: bool
    vocabulary: int
    sha256: str  # of tokenizer.json
    default_system: str = ""  # system turn that the template adds to a chat without one
    system_turns: bool = True  # whether the template accepts a system turn
    trims: tuple[Role, ...] = ()  # roles whose contents the template strips of white space
    loses_system: bool = False  # whether it leaves the system turn out where an answer follows
    preamble: str = ""  # what the template writes in front of every system text
    date: str = ""  # `date_string` that makes it print ftc's date, where it prints the day's
    added: tuple[str, ...] = ()  # tokens beside the vocabulary, control tokens among them


@dataclass(frozen=True)
class ModelFacts:
    """A model as far as it could be looked up; `shape` or `tokenizer` is None when it could not."""

    id: str  # what a backend loads: absolute folder or hub id
    revision: str | None
    folder: Path | None  # where config.json and tokenizer.json were read, None: catalogue only
    source: str  # one line: where the shape comes from
    shape: Shape | None
    tokenizer: TokenizerFacts | None
    family: Family | None
    linear_modules: tuple[str, ...]  # all linear layers in a block, q_proj ... down_proj


@dataclass(frozen=True)
class Hardware:
    """`vram_gb` is the budget per card in GiB; None on CPU or when not given."""

    device: Literal["gpu", "cpu"]
    name: str
    vram_gb: float | None
    gpus: int
    bf16: bool
    flash_attention: bool
    capability: tuple[int, int] | None
    source: str


@dataclass(frozen=True)
class Lengths:
    """Tokens per row, in the order of the rows. `exact`: the model's own tokenizer counted them.

    For preference rows a length is that of prompt plus the longer answer. `prompt` counts what
    stands before the (last) answer. Not exact means an estimate from characters.
    """

    exact: bool
    total: Sequence[int]
    prompt: Sequence[int]
    answer: Sequence[int]


@dataclass(frozen=True)
class DataFacts:
    """What the rows say. Nothing is filtered by length yet: `max_length` comes later."""

    path: str
    format: str
    sha256: str  # of the canonical rows
    train: Lengths
    eval: Lengths
    rejected: int  # bad rows, each listed in the data set's report
    left_out: int  # good rows beyond data.samples
    duplicates: int  # rows equal to an earlier one, kept
    overlap: int  # eval rows whose prompt is in train too
    has_tools: bool
    has_system: int  # rows with a system turn
    multi_turn: int  # rows with more than one assistant turn
    empty_answers: int
    same_pair: int  # preference rows with chosen == rejected
    folded: int = 0  # rows whose system turn was written into the first user turn
    emptied: int = 0  # rows whose system turn said nothing and was left out
    segments: int = 0  # rows of segments


def maker(data: recipe.Data, segments: bool) -> Literal["native", "exact"]:
    """Who makes the tokens of rows: what the recipe says, else ftc where there are segments, which
    LLaMA-Factory does not know."""
    if "tokens" in data.model_fields_set or not segments:
        return data.tokens
    return "exact"


@dataclass(frozen=True)
class Facts:
    """All that `resolve` and the rules may know beside the recipe."""

    model: ModelFacts
    data: DataFacts
    hardware: Hardware
    backends: tuple[tuple[str, str], ...]  # (name, version) the plan is checked for
