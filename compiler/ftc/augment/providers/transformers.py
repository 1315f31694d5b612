"""A model loaded into this process, by Distilabel's TransformersLLM: one question at a time.

Answers are not bound to a schema: it stands in the prompt. A server does more, and faster.
"""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any

from jinja2 import TemplateError

from ftc.augment.front import TransformersLLM
from ftc.augment.providers.answer import Answer, Trouble
from ftc.augment.providers.structured import said
from ftc.augment.providers.target import Target
from ftc.augment.question import Question
from ftc.errors import FtcError

Chat = list[dict[str, str]]


class Transformers:
    """One model. It is loaded for the first question, and answers in a thread of its own."""

    def __init__(self, target: Target) -> None:
        for name in ("torch", "transformers"):
            if find_spec(name) is None:
                raise FtcError(
                    f'{target.what}: provider "transformers" needs {name}',
                    hint="pip install torch transformers, or start a server of your own and name "
                    'it with provider = "openai" and its url',
                )
        self._target = target
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ftc-transformers")
        self._halt = Halt()
        self._llm: Any = None
        self._system = True  # the chat template knows that role

    async def ask(self, question: Question, seed: int) -> Answer:
        """As `Provider`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._answer, question, seed)

    async def close(self) -> None:
        """The answer that is being made is cut off."""
        self._halt.now.set()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def notes(self) -> list[str]:
        """As `Provider`."""
        notes = ["answers are not bound to a schema; it is said in the prompt"]
        if not self._system:
            notes.append("the model has no system role; what it says stands before the question")
        return notes

    def _answer(self, question: Question, seed: int) -> Answer:
        endpoint = self._target.endpoint
        if self._llm is None:
            self._llm = _loaded(self._target, self._halt)
        messages = list(question.messages)
        chat = self._chat(said(messages, question.schema) if question.schema else messages)
        self._fits(chat)
        sampling: dict[str, Any] = {"do_sample": False}
        if endpoint.temperature > 0:
            top_p = 1.0 if endpoint.top_p is None else endpoint.top_p
            sampling = {"do_sample": True, "temperature": endpoint.temperature, "top_p": top_p}
        _seed(seed)
        self._halt.at = time.monotonic() + endpoint.timeout
        try:
            (output,) = self._llm.generate(
                [chat],
                max_new_tokens=endpoint.max_tokens,
                repetition_penalty=1.0,
                **sampling,
            )
        except RuntimeError as error:
            if "out of memory" not in str(error):
                raise
            raise Trouble("out of memory", str(error)[:300], then="final") from error
        text = output["generations"][0] or ""
        used = output["statistics"]
        tokens_in, tokens_out = used["input_tokens"][0], used["output_tokens"][0]
        return Answer(text, tokens_in, tokens_out, cut=tokens_out >= endpoint.max_tokens)

    def _chat(self, messages: list[tuple[str, str]]) -> Chat:
        """The messages in roles that the model's chat template knows."""
        chat = [{"role": role, "content": content} for role, content in messages]
        if self._system and chat[0]["role"] == "system":
            try:
                self._llm.prepare_input(chat)
            except TemplateError:
                self._system = False
        if not self._system and chat[0]["role"] == "system" and len(chat) > 1:
            first = f"{chat[0]['content']}\n\n{chat[1]['content']}"
            chat = [{**chat[1], "content": first}, *chat[2:]]
        return chat

    def _fits(self, chat: Chat) -> None:
        pipeline = self._llm._pipeline
        config = pipeline.model.config.get_text_config()
        most = getattr(config, "max_position_embeddings", None)
        size = len(pipeline.tokenizer.encode(self._llm.prepare_input(chat)))
        if most is not None and size + self._target.endpoint.max_tokens > most:
            detail = f"{size} tokens and an answer of up to {self._target.endpoint.max_tokens}"
            raise Trouble("context too long", f"{detail}, of {most}", then="final")


class Halt:
    """Ends an answer that is being made: a logits processor that raises."""

    def __init__(self) -> None:
        self.now = threading.Event()
        self.at = float("inf")  # of time.monotonic()

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Scores as they are."""
        if self.now.is_set() or time.monotonic() > self.at:
            raise Trouble("no answer in time")
        return scores


def _loaded(target: Target, halt: Halt) -> Any:
    """Distilabel's model; FtcError when it is not there, or none that can chat."""
    from transformers.utils import logging as told  # type: ignore[import-not-found]  # noqa: PLC0415

    told.set_verbosity_error()
    told.disable_progress_bar()
    llm = TransformersLLM(model=target.model, device_map=_device_map())
    try:
        llm.load()
    except (OSError, ValueError, ImportError) as error:
        said_first = str(error).strip().splitlines()[:1]
        raise FtcError(
            f"{target.what}: transformers cannot load {target.model!r}: {' '.join(said_first)}",
            hint="model = ... is a folder, relative to the recipe, or a model of the hub",
        ) from error
    if llm._pipeline.tokenizer.chat_template is None:
        raise FtcError(
            f"{target.what}: the tokenizer of {target.model!r} has no chat template",
            hint="name a model that was trained to chat",
        )
    llm._logits_processor = [halt]
    return llm


def _device_map() -> str | None:
    """Several GPUs share a model when accelerate is there; else the first of them, or the CPU."""
    return "auto" if find_spec("accelerate") is not None else None


def _seed(seed: int) -> None:
    from transformers import set_seed  # type: ignore[import-not-found]  # noqa: PLC0415

    set_seed(seed)
