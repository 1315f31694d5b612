"""Asks models: each question once, and again where that helps, until a limit or the user ends it.

One event loop in a thread of its own serves all callers. What comes back is checked and written to
the ledger of calls before anybody sees it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256

from ftc.augment import form
from ftc.augment.calls import Call, Calls
from ftc.augment.lane import Lane, Waits
from ftc.augment.meter import Meter, Progress
from ftc.augment.providers import Answer, Target, Trouble
from ftc.augment.question import Fault, Question, Reply, Stopped
from ftc.augmentation import Endpoint, Limits
from ftc.errors import FtcError

__all__ = ["Progress", "Running", "Waits", "running"]

Result = Reply | Fault | None  # None: it was not asked to the end


@contextmanager
def running(
    targets: Mapping[str, Target],
    calls: Calls,
    limits: Limits,
    *,
    progress: Callable[[Progress], None] | None = None,
    waits: Waits | None = None,
) -> Iterator[Running]:
    """An engine over the models of a recipe, for as long as the `with` lasts.

    `progress` is called in the engine's thread after each question, and must be quick. Questions in
    flight at the end get `waits.ending` seconds; a second Ctrl-C cuts that short.
    """
    engine = Running(targets, calls, limits, progress, waits or Waits())
    engine.start()
    try:
        yield engine
    finally:
        engine.close()


class Running:
    """An `Engine`; made by `running`."""

    def __init__(
        self,
        targets: Mapping[str, Target],
        calls: Calls,
        limits: Limits,
        progress: Callable[[Progress], None] | None,
        waits: Waits,
    ) -> None:
        self._calls, self._waits = calls, waits
        self._stopping = asyncio.Event()
        self._lanes = {name: Lane(it, waits, self._stopping) for name, it in targets.items()}
        endpoints = [it.endpoint for it in targets.values()]
        self._meter = Meter(limits, calls.totals(), endpoints, progress)
        self._faults: dict[str, Fault] = {}  # of this run; the next one asks again
        self._tasks: dict[str, asyncio.Task[Result]] = {}  # by key
        self._callers: set[asyncio.Task[dict[str, Reply | Fault]]] = set()
        self._lock = threading.RLock()  # `stop` may come out of a signal handler
        self._closed = self._told = False
        self._reason = ""
        self._error: FtcError | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="ftc-ask", daemon=True)

    def ask(self, questions: Sequence[Question]) -> list[Reply | Fault]:
        """As `Engine`. FtcError when a model cannot be asked before the user mends something."""
        keys = [it.key(self._lanes[it.endpoint].identity) for it in questions]
        wanted = dict(zip(keys, questions, strict=True))
        with self._lock:
            if self._closed:
                raise Stopped(self._reason)
            future = asyncio.run_coroutine_threadsafe(self._all(wanted), self._loop)
        found = future.result()
        if len(found) < len(wanted):
            if self._error is not None:
                error = self._error
                raise FtcError(str(error), hint=error.hint, exit_code=error.exit_code) from error
            raise Stopped(self._reason)
        return [found[key] for key in keys]

    def stop(self, reason: str = "stopped") -> None:
        """Ask no more; whoever waits for an answer gets it within some seconds, else `Stopped`.

        Said again, it cuts these seconds short.
        """
        with self._lock:
            if not self._closed:
                seconds = 0.0 if self._told else self._waits.ending
                self._told = True
                self._loop.call_soon_threadsafe(self._end, reason, seconds)

    def notes(self) -> list[str]:
        """What servers did not take and what was done instead, for the report."""
        return [
            f"{lane.target.what}: {note}"
            for lane in self._lanes.values()
            for note in lane.provider.notes()
        ]

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """End the thread; a Ctrl-C while questions in flight are waited for cuts them off."""
        with self._lock:
            self._closed = True
            self._loop.call_soon_threadsafe(self._end, "the run has ended", self._waits.ending)
            ended = asyncio.run_coroutine_threadsafe(self._ended(), self._loop)
        try:
            ended.result()
        except KeyboardInterrupt:
            self._loop.call_soon_threadsafe(self._cut)
            ended.result()
            raise
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _run(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    # What follows runs in the loop.

    async def _all(self, wanted: Mapping[str, Question]) -> dict[str, Reply | Fault]:
        """What the questions have brought; those that were not asked to the end are missing."""
        caller = asyncio.current_task()
        assert caller is not None
        self._callers.add(caller)
        try:
            known = self._calls.known(list(wanted))
            found = self._kept(wanted, known)
            self._meter.ended(len(found), in_flight=self._in_flight())
            self._limit()
            tasks = {
                key: self._tasks.get(key) or self._task(key, it, known.get(key))
                for key, it in wanted.items()
                if key not in found
            }
            if tasks:
                await asyncio.wait(tasks.values())
        finally:
            self._callers.discard(caller)
        done = {key: task.result() for key, task in tasks.items() if not task.cancelled()}
        return found | {key: it for key, it in done.items() if it is not None}

    def _kept(
        self, wanted: Mapping[str, Question], known: Mapping[str, Call]
    ) -> dict[str, Reply | Fault]:
        """What an earlier question has brought already: an answer, or as many that cannot be used
        as the recipe pays for. Errors of the server are no answers: the next run asks again."""
        found: dict[str, Reply | Fault] = {}
        for key, call in known.items():
            if call.state == "answered":
                try:
                    value = form.value(call.text) if wanted[key].schema else None
                except ValueError:
                    continue  # something has been at the file: it is asked again
                found[key] = _reply(call, value, paid=False)
            elif key in self._faults:
                found[key] = self._faults[key]
            elif call.spoiled >= self._lanes[wanted[key].endpoint].endpoint.attempts:
                found[key] = Fault(key, call.reason, call.detail, call.attempts)
        return found

    def _task(self, key: str, question: Question, before: Call | None) -> asyncio.Task[Result]:
        task = self._loop.create_task(self._one(key, question, before))
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._tasks.pop(key))
        return task

    async def _one(self, key: str, question: Question, before: Call | None) -> Result:
        lane = self._lanes[question.endpoint]
        new = Call(key, question.endpoint, lane.target.model, question.prompt)
        try:
            result = await self._asked(question, lane, before or new)
        except Stopped:
            return None
        except FtcError as error:
            self._error = self._error or error
            self._end(str(error), self._waits.ending)
            return None
        if isinstance(result, Fault):
            self._faults[key] = result
        failed = isinstance(result, Fault)
        self._meter.ended(1, asked=1, failed=failed, in_flight=self._in_flight())
        return result

    async def _asked(self, question: Question, lane: Lane, call: Call) -> Reply | Fault:
        """Ask until there is an answer that can be used, as often as the recipe allows.

        Spoiled answers and errors of the server are counted apart, and the seed depends on the
        question and on how many answers were spoiled: a run that was disturbed gets the answers of
        one that was not.
        """
        attempts = lane.endpoint.attempts
        tries = 0
        while True:
            try:
                answer, seconds = await lane.ask(question, _seed(call))
            except Trouble as error:
                call = _troubled(replace(call, attempts=call.attempts + 1), error.reason)
                if error.then in ("pause", "unreachable"):
                    continue
                tries += 1
                if error.then == "again" and tries < attempts:
                    await lane.sleep(self._waits.again(tries))
                    continue
                fault = self._failed(call, error.reason, error.detail)
                lane.lost(error)
                return fault
            call = self._paid(call, answer, seconds, lane.endpoint)
            value, bad = form.read(answer.text, question.schema, cut=answer.cut)
            if bad is None:
                call = replace(call, state="answered", text=answer.text, reason="", detail="")
                self._calls.write(call)
                return _reply(call, value, paid=True)
            call = replace(_troubled(call, bad.reason), state="open", spoiled=call.spoiled + 1)
            if call.spoiled >= attempts:
                return self._failed(call, bad.reason, bad.detail)
            self._calls.write(call)

    def _failed(self, call: Call, reason: str, detail: str) -> Fault:
        call = replace(call, state="failed", text="", reason=reason, detail=detail)
        self._calls.write(call)
        return Fault(call.key, reason, detail, call.attempts)

    def _paid(self, call: Call, answer: Answer, seconds: float, endpoint: Endpoint) -> Call:
        """The call with what an answer has cost, whether it can be used or not."""
        cost = self._meter.paid(answer, endpoint)
        self._limit()
        return replace(
            call,
            tokens_in=call.tokens_in + answer.tokens_in,
            tokens_out=call.tokens_out + answer.tokens_out,
            estimated=call.estimated or answer.estimated,
            cost=call.cost + cost,
            seconds=call.seconds + seconds,
            attempts=call.attempts + 1,
        )

    def _limit(self) -> None:
        if reason := self._meter.reached():
            self._end(reason)

    def _in_flight(self) -> int:
        return sum(lane.in_flight for lane in self._lanes.values())

    def _end(self, reason: str, seconds: float | None = None) -> None:
        """Send no more questions; those in flight are cut off after so many seconds."""
        if not self._stopping.is_set():
            self._reason = reason
            self._stopping.set()
        if seconds is not None:
            self._loop.call_later(seconds, self._cut)

    def _cut(self) -> None:
        for task in self._tasks.values():
            task.cancel()

    async def _ended(self) -> None:
        while waiting := {*self._tasks.values(), *self._callers}:
            await asyncio.wait(waiting)
        for lane in self._lanes.values():
            await lane.provider.close()
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()


def _reply(call: Call, value: object, *, paid: bool) -> Reply:
    return Reply(
        call.key,
        call.text,
        value,
        call.tokens_in,
        call.tokens_out,
        call.seconds,
        call.attempts,
        paid,
    )


def _seed(call: Call) -> int:
    """31 bits: some servers take no more."""
    return int(sha256(f"{call.key} {call.spoiled}".encode()).hexdigest()[:8], 16) >> 1


def _troubled(call: Call, reason: str) -> Call:
    return replace(call, faults={**call.faults, reason: call.faults.get(reason, 0) + 1})
