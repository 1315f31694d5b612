"""What a provider is: it sends one question once, and says what came or what went wrong."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

from ftc.augment.question import Question

Then = Literal["again", "pause", "unreachable", "refused", "final"]


class Answer(NamedTuple):
    """What a model said; whether it can be used is for others to see."""

    text: str
    tokens_in: int
    tokens_out: int
    cut: bool = False  # it ended at `max_tokens`
    estimated: bool = False  # the server did not count tokens, so ftc did


class Trouble(Exception):
    """A question got no answer. `reason` is a short phrase that is counted.

    `then` says what follows: ask again, pause the whole endpoint (for `wait` seconds when the
    server said so), ask again unless the server cannot be reached at all, or give this question
    up: as `refused` when others may well be refused for the same, `final` when it alone is at
    fault.
    """

    def __init__(
        self, reason: str, detail: str = "", *, then: Then = "again", wait: float | None = None
    ) -> None:
        super().__init__(reason)
        self.reason, self.detail, self.then, self.wait = reason, detail, then, wait


class Provider(Protocol):
    """Asks one model; all calls come from one event loop."""

    async def ask(self, question: Question, seed: int) -> Answer:
        """One answer, within the endpoint's time-out.

        Trouble when there is none; FtcError when there will be none to any question before the user
        has mended something.
        """

    async def close(self) -> None:
        """Connections end."""

    def notes(self) -> list[str]:
        """What the server does not take, and what was done instead, for the report."""


def estimate(text: str) -> int:
    """Tokens of a text when nobody has counted them: four characters each (judgment)."""
    return -(-len(text) // 4)
