"""Distilabel's tasks over the engine: ours, one for each prompt, and any other."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ftc.augment.front import Task
from ftc.augment.llm import EngineLLM
from ftc.augment.prompted import Prompted
from ftc.augment.prompts import Prompts
from ftc.augment.question import Engine, Fault, Reply


def asker(
    running: Engine, prompts: Prompts, endpoint: str, files: Mapping[str, Path] | None = None
) -> Asker:
    """An `Ask` that asks the model `endpoint` by templates; `files` are used in the place of the
    templates of these names. Missing and broken templates are an FtcError when they are asked."""
    return Asker(running, prompts, endpoint, files or {})


class Asker:
    """An `Ask`; may be called from several threads."""

    def __init__(
        self, running: Engine, prompts: Prompts, endpoint: str, files: Mapping[str, Path]
    ) -> None:
        self._running, self._prompts = running, prompts
        self._endpoint, self._files = endpoint, files
        self._tasks: dict[tuple[str, str], Prompted] = {}
        self._lock = threading.Lock()

    def __call__(
        self,
        prompt: str,
        values: Sequence[Mapping[str, Any]],
        *,
        samples: Sequence[int] | None = None,
        model: str | None = None,
    ) -> list[Reply | Fault]:
        """As `Ask`."""
        task = self._task(prompt, model or self._endpoint)
        numbers = samples if samples is not None else [0] * len(values)
        rows = [
            {"values": it, "sample": number} for it, number in zip(values, numbers, strict=True)
        ]
        return [row[f"llm_{task.name}_reply"] for row in _processed(task, rows)]

    def _task(self, prompt: str, endpoint: str) -> Prompted:
        with self._lock:
            if (prompt, endpoint) not in self._tasks:
                template = self._prompts.load(prompt, self._files.get(prompt))
                llm = EngineLLM(engine=self._running, endpoint=endpoint, prompt=prompt)
                task = Prompted(llm=llm, template=template)
                task.load()
                self._tasks[prompt, endpoint] = task
            return self._tasks[prompt, endpoint]


def run_task(
    task: Any,
    rows: Sequence[Mapping[str, Any]],
    running: Engine,
    endpoint: str,
    *,
    samples: Sequence[int] | None = None,
) -> list[dict[str, Any]]:
    """Rows through any Distilabel Task, whatever model it was made with.

    Each row of the result has the columns of the task and, as `reply`, the engine's reply or fault;
    `samples` numbers the rows for tasks that ask once a row. What the task cannot read out of an
    answer is None, as Distilabel has it; so is `reply` where the task broke off over an answer.
    """
    name = type(task).__name__
    llm = EngineLLM(engine=running, endpoint=endpoint, prompt=name, samples=samples)
    own: Task = task.model_copy(update={"llm": llm})
    own.load()
    made = _processed(own, [dict(row) for row in rows])
    column = f"llm_{own.name}_reply"
    return [{"reply": row.pop(column, None), **row} for row in made]


def _processed(task: Any, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not rows:
        return []
    made: list[dict[str, Any]] = next(task.process(rows))
    return made
