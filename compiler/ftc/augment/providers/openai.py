"""Any server with OpenAI's chat API, that which ftc starts itself among them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ftc.augment.providers.answer import Answer, Trouble, estimate
from ftc.augment.providers.chat import Chat
from ftc.augment.providers.status import Status
from ftc.augment.providers.structured import Way, bare, said
from ftc.augment.providers.target import Target
from ftc.augment.question import Question


class OpenAI(Chat):
    """One model behind the API."""

    def __init__(self, target: Target) -> None:
        headers = {"Authorization": f"Bearer {target.key}"} if target.key else {}
        super().__init__(target, target.url.rstrip("/") + "/chat/completions", headers)
        self._limit = "max_tokens"

    def body(self, question: Question, seed: int, way: Way) -> dict[str, Any]:
        """As `Chat`."""
        endpoint, messages = self._target.endpoint, list(question.messages)
        if question.schema and way in ("json_object", "none"):
            messages = said(messages, question.schema)
        body: dict[str, Any] = {
            "model": self._target.model,
            "messages": [{"role": role, "content": content} for role, content in messages],
            self._limit: endpoint.max_tokens,
            "temperature": endpoint.temperature,
            "seed": seed,
        }
        if endpoint.top_p is not None:
            body["top_p"] = endpoint.top_p
        if way == "json_object":
            body["response_format"] = {"type": "json_object"}
        elif way != "none":
            schema = json.loads(question.schema)
            named = {
                "name": "answer",
                "strict": True,
                "schema": bare(schema) if way == "bare" else schema,
            }
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        return body

    def renamed(self, error: Status, body: Mapping[str, Any]) -> bool:
        """Models that think take no `max_tokens`."""
        if "max_tokens" in body and "max_completion_tokens" in error.body:
            self._limit = "max_completion_tokens"
            return True
        return False

    def answer(self, found: Any, question: Question) -> Answer:
        """As `Chat`. An answer without choices is one without text."""
        choices = found["choices"]
        choice = choices[0] if choices else {}
        finish, message = choice.get("finish_reason"), choice.get("message") or {}
        if finish == "content_filter" or message.get("refusal"):
            raise Trouble("refused by the model", str(message.get("refusal") or ""), then="final")
        text = message.get("content") or ""
        if not isinstance(text, str):
            raise TypeError("the content is no text")
        usage = found.get("usage") or {}
        tokens_in, tokens_out = usage.get("prompt_tokens"), usage.get("completion_tokens")
        cut = finish == "length"
        if isinstance(tokens_in, int) and isinstance(tokens_out, int):
            return Answer(text, tokens_in, tokens_out, cut)
        asked = "".join(content for _, content in question.messages)
        return Answer(text, estimate(asked), estimate(text), cut, estimated=True)
