"""What a model is asked and what comes back: the contract between kinds, judge and engine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple, Protocol


@dataclass(frozen=True)
class Question:
    """One call of a model.

    `messages` are (role, content) pairs. `schema` is a JSON schema as JSON text that the answer
    must keep to, "" for free text. `sample` numbers answers to the same question: another sample
    is another call. `prompt` names the template, for the counts.
    """

    endpoint: str  # a name of `augment.models`
    messages: tuple[tuple[str, str], ...]
    schema: str = ""
    sample: int = 0
    prompt: str = ""

    def key(self, model: str) -> str:
        """64 hex digits for everything that decides about the answer; `model` says which model and
        with which parameters."""
        parts = [model, self.messages, self.schema, self.sample]
        return sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()


class Reply(NamedTuple):
    """An answer that keeps to the question's schema; `value` is its JSON, None for free text.

    `paid` is False where an earlier run had it already.
    """

    key: str
    text: str
    value: Any
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    attempts: int = 1
    paid: bool = True


class Fault(NamedTuple):
    """A question without an answer that can be used. `reason` is a short phrase that is counted."""

    key: str
    reason: str
    detail: str = ""
    attempts: int = 0


class Engine(Protocol):
    """Asks models; may be called from several threads."""

    def ask(self, questions: Sequence[Question]) -> list[Reply | Fault]:
        """Replies and faults in the order of the questions; each reply is kept before it is given.

        Raises `Stopped` when a limit is reached or the user has pressed Ctrl-C.
        """


class Stopped(Exception):
    """The engine asks no more: `reason` says which limit was reached."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Ask(Protocol):
    """What kinds and judge see: a prompt template by name, filled with values, asked in a batch."""

    def __call__(
        self,
        prompt: str,
        values: Sequence[Mapping[str, Any]],
        *,
        samples: Sequence[int] | None = None,
        model: str | None = None,
    ) -> list[Reply | Fault]:
        """One reply or fault for each of `values`; `model` is a name of `augment.models`, by
        default that of the kind."""
