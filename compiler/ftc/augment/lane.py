"""The way to one model: how many questions go at a time and how fast, and when it is closed."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from ftc.augment.providers import Answer, Target, Trouble, provider
from ftc.augment.question import Question, Stopped
from ftc.errors import FtcError

LOST = 20  # questions without an answer, one after the other, after which no more are asked


@dataclass(frozen=True)
class Waits:
    """Seconds; all of them are judgment."""

    first: float = 1.0  # before something is tried again; doubled each time
    longest: float = 60.0
    contact: float = 5.0  # that a server may be out of reach at the start
    unreachable: float = 60.0  # and after it has answered
    patience: float = 900.0  # that it may send all questions away as too many
    ending: float = 10.0  # that questions in flight get when the run is stopped

    def again(self, times: int) -> float:
        """Before the next try after `times` that failed; not the same for all who wait."""
        wait = min(self.longest, self.first * 2.0 ** min(times - 1, 30))
        return wait * random.uniform(0.75, 1.25)


class Lane:
    """All questions to one model pass here; used in one event loop."""

    def __init__(self, target: Target, waits: Waits, stopping: asyncio.Event) -> None:
        endpoint = target.endpoint
        self.target, self.endpoint = target, endpoint
        self.identity = target.identity
        self.provider = provider(target)
        self.in_flight = 0
        self._waits, self._stopping = waits, stopping
        self._slots = asyncio.Semaphore(endpoint.in_flight)
        self._pace = 60 / endpoint.per_minute if endpoint.per_minute else 0.0
        self._next = 0.0  # when the pace allows another question
        self._open = 0.0  # when the server wants to be asked again
        self._closed_at = 0.0
        self._closings = 0
        self._closed_since: float | None = None
        self._answered = False
        self._lost = 0

    async def ask(self, question: Question, seed: int) -> tuple[Answer, float]:
        """An answer and the seconds it took.

        Trouble when there is none, Stopped when none are asked any more, FtcError when there will
        be none before the user has mended something.
        """
        async with self._slots:
            started = await self._turn()
            self.in_flight += 1
            try:
                answer = await self.provider.ask(question, seed)
            except Trouble as error:
                self._note(error, started)
                raise
            finally:
                self.in_flight -= 1
            self._note(None, started)
            self._answered, self._lost = True, 0
            return answer, _now() - started

    async def sleep(self, seconds: float) -> None:
        """Wait, though no longer than questions are asked."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    def lost(self, error: Trouble) -> None:
        """A question was given up; FtcError when so many were that no other will fare better."""
        if error.then == "final":
            return
        self._lost += 1
        if self._lost >= max(LOST, 2 * self.endpoint.in_flight):
            raise FtcError(
                f"{self.target.what}: {self._lost} questions in a row were not answered, the last "
                f"one: {_said(error)}",
                hint="what was answered is kept; run again when the server answers",
                exit_code=4,
            )

    async def _turn(self) -> float:
        """Wait until a question may be sent; the time at which it is."""
        while not self._stopping.is_set():
            now = _now()
            ready = max(self._open, self._next)
            if ready <= now:
                self._next = max(now, self._next) + self._pace if self._pace else 0.0
                return now
            await self.sleep(ready - now)
        raise Stopped("")

    def _note(self, error: Trouble | None, started: float) -> None:
        """Close the lane for a while, or open it, by what came of a question."""
        if error is None or error.then not in ("pause", "unreachable"):
            self._closings, self._closed_since = 0, None
            return
        now = _now()
        if self._closed_since is None:
            self._closed_since = now
        if started >= self._closed_at:  # others were in flight when it was closed: no new news
            self._closings += 1
            self._closed_at = now
            self._open = now + self._waits.again(self._closings)
        if error.wait:
            self._open = now + error.wait
        self._give_up(error, now - self._closed_since)

    def _give_up(self, error: Trouble, seconds: float) -> None:
        """Raise when the server has been closed for too long."""
        what = self.target.what
        if error.then == "pause":
            if seconds > self._waits.patience:
                raise FtcError(
                    f"{what}: the server has taken no question for {seconds:.0f} seconds: "
                    f"{_said(error)}",
                    hint="what was answered is kept; run again later, or ask more slowly with "
                    "in_flight = ... and per_minute = ...",
                    exit_code=4,
                )
            return
        if ended := self.target.ended():
            raise FtcError(f"{what}: its server has ended: {ended}", exit_code=4)
        if seconds > (self._waits.unreachable if self._answered else self._waits.contact):
            raise FtcError(
                f"{what}: no connection: {error.detail}",
                hint="is the server running there? check url = ...",
                exit_code=4,
            )


def _now() -> float:
    return asyncio.get_running_loop().time()


def _said(error: Trouble) -> str:
    return f"{error.reason} ({error.detail})" if error.detail else error.reason
