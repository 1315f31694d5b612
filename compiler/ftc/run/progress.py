"""Turns what a backend writes while it trains, its metrics and its log, into events to show."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ftc.run import results

LOG = "log.txt"
# Axolotl's file is written by the plugin that ftc installs, LLaMA-Factory's by itself.
METRICS: dict[str, str] = {
    "axolotl": "metrics.jsonl",
    "llamafactory": "output/trainer_log.jsonl",
}
_STEP = ("step", "current_steps")
_TOTAL = ("max_steps", "total_steps")
_RATE = ("learning_rate", "lr")
_TOO_SHORT = 0.5  # seconds of watching that say nothing about the speed yet


@dataclass(frozen=True)
class Event:
    """Something to show. `step` counts optimizer steps; `seconds_left` is None until known."""

    kind: Literal["stage", "step", "eval", "saved", "note"]
    step: int = 0
    total_steps: int = 0
    loss: float | None = None
    learning_rate: float | None = None
    eval_loss: float | None = None
    seconds_left: float | None = None
    text: str = ""


@dataclass(frozen=True)
class Summary:
    """What the metrics say of a whole run; None and 0 where they say nothing."""

    steps: int = 0
    max_steps: int = 0
    first_loss: float | None = None
    last_loss: float | None = None
    eval_loss: float | None = None


class Tail:
    """Reads the lines that were added to a file since the last call; the file may not exist yet.

    A progress bar's carriage returns end lines too. A line without an end waits for the rest.
    """

    def __init__(self, path: Path, *, skip: bool = False) -> None:
        self.path = path
        self.position = path.stat().st_size if skip and path.exists() else 0
        self.rest = b""

    def lines(self) -> list[str]:
        """Whole new lines, decoded with replacement."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.position)
                added = file.read()
        except FileNotFoundError:
            return []
        self.position += len(added)
        *whole, self.rest = re.split(rb"[\r\n]+", self.rest + added)
        return [line.decode("utf-8", "replace") for line in whole if line]


class Watcher:
    """Follows one attempt in a run folder; `poll` yields what is new since the last call."""

    def __init__(
        self, folder: Path, backend: str, total: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.total = total
        self.clock = clock
        self.metrics = Tail(folder / METRICS[backend], skip=True)
        self.log = Tail(folder / LOG, skip=True)
        self.output = folder / results.OUTPUT
        self.saved = {path.name for path in results.complete(self.output)}
        self.stage = ""
        self.noted: set[str] = set()
        self.origin: tuple[int, float] | None = None  # first logged step and when

    def poll(self) -> Iterator[Event]:
        """New events: stages before the first step, steps, evaluations, checkpoints."""
        for line in self.log.lines():
            yield from self._stage(line)
            yield from self._note(next((said for known, said in NOTES if known in line), ""))
        for line in self.metrics.lines():
            for event in parse(line):
                yield self._timed(event)
                if event.loss is not None and (event.loss == 0.0 or math.isnan(event.loss)):
                    yield from self._note(BROKEN, event.step)
        for path in results.complete(self.output):
            if path.name not in self.saved:
                self.saved.add(path.name)
                yield Event("saved", results.step_of(path), self.total, text=f"saved {path.name}")

    def _stage(self, line: str) -> Iterator[Event]:
        if self.origin is not None:
            return
        text = next((said for pattern, said in STAGES if pattern.search(line)), "")
        if text and text != self.stage:
            self.stage = text
            yield Event("stage", total_steps=self.total, text=text)

    def _note(self, text: str, step: int = 0) -> Iterator[Event]:
        if text and text not in self.noted:
            self.noted.add(text)
            yield Event("note", step, self.total, text=text)

    def _timed(self, event: Event) -> Event:
        self.total = event.total_steps or self.total
        now = self.clock()
        if self.origin is None or event.step < self.origin[0]:
            self.origin = (event.step, now)
        done, passed = event.step - self.origin[0], now - self.origin[1]
        known = done > 0 and passed > _TOO_SHORT
        left = (self.total - event.step) * passed / done if known else None
        return replace(event, total_steps=self.total, seconds_left=left)


def parse(line: str) -> list[Event]:
    """Events of one metrics line of either backend; none for a line that is not such an object.

    The trainer's closing line has a step and no loss: it gives none either.
    """
    raw = _object(line)
    step, total = int(_first(raw, _STEP) or 0), int(_first(raw, _TOTAL) or 0)
    events = []
    if (loss := _first(raw, ("loss",))) is not None:
        events.append(Event("step", step, total, loss, _first(raw, _RATE)))
    if (loss := _first(raw, ("eval_loss",))) is not None:
        events.append(Event("eval", step, total, eval_loss=loss))
    return events


def _object(line: str) -> dict[str, object]:
    try:
        raw = json.loads(line)
    except ValueError:
        return {}
    return raw if isinstance(raw, dict) else {}


def _first(raw: dict[str, object], names: tuple[str, ...]) -> float | None:
    """The first of `names` that is there; null is what the plugin writes for not-a-number."""
    for name in names:
        value = raw.get(name, "")
        if value is None:
            return math.nan
        if isinstance(value, int | float):
            return float(value)
    return None


def summary(folder: Path, backend: str) -> Summary:
    """The whole metrics file of a run, all attempts; a resumed run repeats steps, the last wins."""
    losses: dict[int, float] = {}
    steps, total, evaluated = 0, 0, None
    for line in Tail(folder / METRICS[backend]).lines():
        raw = _object(line)
        steps = max(steps, int(_first(raw, _STEP) or 0))
        for event in parse(line):
            total = event.total_steps or total
            if event.loss is not None:
                losses[event.step] = event.loss
            evaluated = event.eval_loss if event.eval_loss is not None else evaluated
    first = losses[min(losses)] if losses else None
    last = losses[max(losses)] if losses else None
    return Summary(steps, total, first, last, evaluated)


# Line of a backend's log -> what it means to a person, in the order in which they come.
STAGES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), said)
    for pattern, said in (
        (r"Tokenizing Prompts|Running tokenizer on dataset|tokenizing", "counting tokens"),
        (r"Loading (raw )?dataset|Generating train split|Converting format", "reading the rows"),
        (
            r"Loading checkpoint shards|Loading weights|Loading model|loading weights file",
            "loading the model",
        ),
        (r"trainable params", "the adapter is in place"),
        (r"Starting trainer|\*\*\*\*\* Running training", "training starts"),
    )
)

# Part of a log line that changes what is trained without ending the run -> what to say.
NOTES: tuple[tuple[str, str], ...] = (
    (
        "FlashAttention-2 is not installed",
        "flash-attn is not installed: the backend goes on with another attention",
    ),
)
# transformers logs 0.0 where the loss is not a number.
BROKEN = "the loss is 0 or not a number: if it stays so, stop and lower training.learning_rate"
