"""Anthropic's API. It takes no seed: other samples are other answers by chance alone.

Answers are bound by `output_config`, or by a tool that the model is made to use where a model does
not have that; in the recipe's words, `json_schema` and `json_object`.
"""

from __future__ import annotations

import json
from typing import Any

from ftc.augment.providers.answer import Answer, Trouble, estimate
from ftc.augment.providers.chat import Chat
from ftc.augment.providers.structured import Way, bare, said
from ftc.augment.providers.target import Target
from ftc.augment.question import Question

VERSION = "2023-06-01"


class Anthropic(Chat):
    """One model behind the API."""

    def __init__(self, target: Target) -> None:
        base = target.url.rstrip("/").removesuffix("/v1")
        headers = {"x-api-key": target.key, "anthropic-version": VERSION}
        super().__init__(target, f"{base}/v1/messages", headers)

    def body(self, question: Question, seed: int, way: Way) -> dict[str, Any]:
        """As `Chat`. Schemas with limits of numbers and lengths are refused, so they are left out;
        the answer is checked against them all the same."""
        endpoint, messages = self._target.endpoint, list(question.messages)
        if question.schema and way == "none":
            messages = said(messages, question.schema)
        body: dict[str, Any] = {
            "model": self._target.model,
            "max_tokens": endpoint.max_tokens,
            "temperature": endpoint.temperature,
            "messages": [
                {"role": role, "content": content} for role, content in messages if role != "system"
            ],
        }
        if system := "\n\n".join(content for role, content in messages if role == "system"):
            body["system"] = system
        if endpoint.top_p is not None:
            body["top_p"] = endpoint.top_p
        if way in ("json_schema", "bare"):
            form = {"type": "json_schema", "schema": bare(json.loads(question.schema))}
            body["output_config"] = {"format": form}
        elif way == "json_object":
            tool = {"name": "answer", "description": "The answer."}
            body["tools"] = [{**tool, "input_schema": json.loads(question.schema)}]
            body["tool_choice"] = {"type": "tool", "name": "answer"}
        return body

    def answer(self, found: Any, question: Question) -> Answer:
        """As `Chat`."""
        if found["stop_reason"] == "refusal":
            raise Trouble("refused by the model", then="final")
        text = "".join(_text(block) for block in found["content"])
        cut = found["stop_reason"] in ("max_tokens", "model_context_window_exceeded")
        usage = found.get("usage") or {}
        names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        tokens_in, tokens_out = usage.get(names[0]), usage.get("output_tokens")
        if isinstance(tokens_in, int) and isinstance(tokens_out, int):
            return Answer(text, sum(usage.get(name) or 0 for name in names), tokens_out, cut)
        asked = "".join(content for _, content in question.messages)
        return Answer(text, estimate(asked), estimate(text), cut, estimated=True)


def _text(block: Any) -> str:
    if block["type"] == "tool_use":
        return json.dumps(block["input"], ensure_ascii=False)
    return str(block["text"]) if block["type"] == "text" else ""
