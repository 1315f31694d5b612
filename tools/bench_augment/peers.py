"""OpenAI's client in a plain loop, and Distilabel in process and as its pipeline is shipped.

All ask the questions of `ftc augment`, word for word, with the same schema for the answer; none
looks whether an answer keeps to it. Nothing of ftc is imported here.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any

from bench_data.method import Method

os.environ["DISTILABEL_LOG_LEVEL"] = "CRITICAL"
IN_FLIGHT = 50
PLAIN, TASK = "openai client, plain", "Distilabel Task, all rows, 50 at a time"
BATCHES, PIPELINE = "Distilabel Task, batches of 50", "Distilabel Pipeline as shipped"


def _plain(folder: Path, _: Path, openai: ModuleType) -> dict[str, int]:
    async def each() -> list[Any]:
        slots = asyncio.Semaphore(IN_FLIGHT)
        async with openai.AsyncOpenAI(base_url=_url(folder), api_key="none") as client:

            async def one(it: dict[str, str]) -> str | None:
                messages = [{"role": role, "content": text} for role, text in it.items()]
                async with slots:
                    found = await client.chat.completions.create(
                        model="m", messages=messages, max_tokens=128, **_bound(schema)
                    )
                return found.choices[0].message.content

            return await asyncio.gather(*(one(it) for it in _asked(folder)))

    schema = _schema(folder)
    return _counted(asyncio.run(each()))


def _task(folder: Path, _: Path, llms: ModuleType, tasks: ModuleType) -> dict[str, int]:
    """One batch of all rows, with a semaphore as people put one in: the best case for a Task."""
    task = _loaded(tasks, _bounded(llms.OpenAILLM)(**_settings(folder)))
    found = next(task.process(_inputs(folder)))
    return _counted([row["generation"] for row in found])


def _batches(folder: Path, _: Path, llms: ModuleType, tasks: ModuleType) -> dict[str, int]:
    """As a Pipeline hands rows over by default: the slowest answer of a batch ends it."""
    task = _loaded(tasks, llms.OpenAILLM(**_settings(folder)))
    rows, found = _inputs(folder), []
    for start in range(0, len(rows), IN_FLIGHT):
        found += next(task.process(rows[start : start + IN_FLIGHT]))
    return _counted([row["generation"] for row in found])


def _pipeline(
    folder: Path, _: Path, llms: ModuleType, tasks: ModuleType, pipeline: ModuleType, steps: Any
) -> dict[str, int]:
    """All defaults, but for the cache: batches of 50, a process for each step."""
    with pipeline.Pipeline(name="bench") as whole:
        source = steps.LoadDataFromDicts(data=_inputs(folder))
        task = tasks.TextGeneration(llm=llms.OpenAILLM(**_settings(folder)))
        source >> task
    found = whole.run(use_cache=False)
    return _counted(found["default"]["train"]["generation"])


def _loaded(tasks: ModuleType, llm: Any) -> Any:
    task = tasks.TextGeneration(llm=llm, add_raw_input=False, add_raw_output=False)
    task.load()
    return task


def _bounded(base: type) -> type:
    """A model that is asked so many questions at a time."""

    class Bounded(base):  # type: ignore[misc, valid-type]
        @functools.wraps(base.agenerate)
        async def agenerate(self, *given: Any, **how: Any) -> Any:
            if not hasattr(Bounded, "slots"):
                Bounded.slots = asyncio.Semaphore(IN_FLIGHT)
            async with Bounded.slots:
                return await base.agenerate(self, *given, **how)

    return Bounded


def _settings(folder: Path) -> dict[str, Any]:
    return {
        "model": "m",
        "base_url": _url(folder),
        "api_key": "none",
        "generation_kwargs": {"max_new_tokens": 128, **_bound(_schema(folder))},
    }


def _bound(schema: dict[str, Any]) -> dict[str, Any]:
    named = {"name": "answer", "strict": True, "schema": schema}
    form = {"type": "json_schema", "json_schema": named}
    return {"extra_body": {"response_format": form}}


def _inputs(folder: Path) -> list[dict[str, str]]:
    return [{"system_prompt": it["system"], "instruction": it["user"]} for it in _asked(folder)]


def _asked(folder: Path) -> list[dict[str, str]]:
    lines = (folder / "asked.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _schema(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "schema.json").read_text("utf-8"))
    return found


def _url(folder: Path) -> str:
    return (folder / "url").read_text("utf-8")


def _counted(found: list[str | None]) -> dict[str, int]:
    return {"answers": sum(bool(text) for text in found)}


MODELS, TASKS = "distilabel.models.llms", "distilabel.steps.tasks"
METHODS = (
    Method(PLAIN, _plain, ("openai",)),
    Method(TASK, _task, (MODELS, TASKS)),
    Method(BATCHES, _batches, (MODELS, TASKS)),
    Method(
        PIPELINE,
        _pipeline,
        (MODELS, TASKS, "distilabel.pipeline", "distilabel.steps"),
        detached=True,
    ),
)
