"""Any server with OpenAI's chat API, that which ftc starts itself among them.

Plain HTTP rather than OpenAI's client: half the CPU time a question, and one place for errors.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

import httpx2

from ftc.augment.providers.answer import Answer, Trouble, estimate
from ftc.augment.providers.status import Status, trouble
from ftc.augment.providers.structured import Bound, said
from ftc.augment.providers.target import Target
from ftc.augment.question import Question
from ftc.augmentation.endpoint import Structured
from ftc.errors import FtcError

LARGEST = 32 << 20  # bytes of a response that are read (judgment)
OPTIONAL = ("seed", "top_p", "temperature")  # a server may refuse these; they are then left out
_UNKNOWN = re.compile(
    r"unsupported|not support|unknown|unrecogni[sz]ed|not permitted|not allowed|unexpected"
    r"|forbidden|deprecated|default",
    re.IGNORECASE,
)


class OpenAI:
    """One model behind the API."""

    def __init__(self, target: Target) -> None:
        endpoint = target.endpoint
        self._target = target
        self._bound = Bound(endpoint.structured)
        self._without: list[str] = []
        self._limit = "max_tokens"
        local = urlsplit(target.url).hostname in ("127.0.0.1", "::1", "localhost")
        self._url = target.url.rstrip("/") + "/chat/completions"
        self._client = httpx2.AsyncClient(
            headers={"Content-Type": "application/json"}
            | ({"Authorization": f"Bearer {target.key}"} if target.key else {}),
            timeout=endpoint.timeout,
            limits=httpx2.Limits(
                max_connections=endpoint.in_flight, max_keepalive_connections=endpoint.in_flight
            ),
            trust_env=not local,  # a proxy has no way to this machine
        )

    async def ask(self, question: Question, seed: int) -> Answer:
        while True:
            mode: Structured = self._bound.mode if question.schema else "none"
            body = self._body(question, seed, mode)
            try:
                found = _answer(await self._sent(body), body)
            except Status as error:
                if not self._otherwise(error, mode, body):
                    raise trouble(error, self._target) from error
            else:
                if question.schema:
                    self._bound.seen(mode, found.text, cut=found.cut)
                return found

    async def close(self) -> None:
        await self._client.aclose()

    def notes(self) -> list[str]:
        left_out = [f"the server takes no {name}; asked without it" for name in self._without]
        return self._bound.notes() + left_out

    def _body(self, question: Question, seed: int, mode: Structured) -> dict[str, Any]:
        endpoint, messages = self._target.endpoint, list(question.messages)
        if question.schema and mode != "json_schema":
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
        if question.schema and mode != "none":
            body["response_format"] = _format(question.schema, mode)
        return {name: it for name, it in body.items() if name not in self._without}

    async def _sent(self, body: dict[str, Any]) -> bytes:
        """The bytes of a response with status 200."""
        content = json.dumps(body)  # ASCII: half a surrogate pair is the server's to refuse
        try:
            async with self._client.stream("POST", self._url, content=content) as response:
                data = bytearray()
                async for chunk in response.aiter_bytes():
                    data += chunk
                    if len(data) > LARGEST:
                        raise Trouble("answer over 1 MB")
                if response.status_code != 200:
                    text = data.decode("utf-8", "replace")
                    raise Status(response.status_code, response.headers, text)
                return bytes(data)
        except httpx2.TimeoutException as error:
            raise Trouble("no answer in time") from error
        except httpx2.ConnectError as error:
            raise Trouble("no connection", str(error), then="unreachable") from error
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise FtcError(
                f"{self._target.what}: {error}", hint="check url = ... of this model"
            ) from error
        except httpx2.RequestError as error:
            raise Trouble("connection cut", str(error)) from error

    def _otherwise(self, error: Status, mode: Structured, body: dict[str, Any]) -> bool:
        """Whether to send the question again in a way that this server has not refused."""
        if error.too_long or error.status not in (400, 404, 422, 500, 501):
            return False
        if "response_format" in body and self._bound.refused(mode, error.body):
            return True
        if error.status not in (400, 422) or not _UNKNOWN.search(error.body):
            return False
        if "max_tokens" in body and "max_completion_tokens" in error.body:
            self._limit = "max_completion_tokens"
            return True
        for name in OPTIONAL:
            if name in body and re.search(rf"\b{name}\b", error.body):
                if name not in self._without:
                    self._without.append(name)
                return True
        return False


def _format(schema: str, mode: Structured) -> dict[str, Any]:
    if mode == "json_object":
        return {"type": "json_object"}
    named = {"name": "answer", "schema": json.loads(schema)}
    return {"type": "json_schema", "json_schema": named}


def _answer(data: bytes, body: dict[str, Any]) -> Answer:
    try:
        found = json.loads(data)
        choices = found["choices"]
        choice = choices[0] if choices else {}
        text = (choice.get("message") or {}).get("content") or ""
        finish = choice.get("finish_reason")
        usage = found.get("usage") or {}
        tokens_in, tokens_out = usage.get("prompt_tokens"), usage.get("completion_tokens")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Trouble("broken response", f"{type(error).__name__}: {error}"[:300]) from error
    if finish == "content_filter":
        raise Trouble("refused by the model", then="final")
    if not isinstance(text, str):
        raise Trouble("broken response", "the content is no text")
    cut = finish == "length"
    if isinstance(tokens_in, int) and isinstance(tokens_out, int):
        return Answer(text, tokens_in, tokens_out, cut)
    said = "".join(it["content"] for it in body["messages"])
    return Answer(text, estimate(said), estimate(text), cut, estimated=True)
