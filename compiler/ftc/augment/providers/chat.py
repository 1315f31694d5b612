"""A model behind an HTTP API: one request a question, and other ways to ask where one is refused.

Plain HTTP rather than the clients of the vendors: half the CPU time a question, and one place for
errors.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx2

from ftc.augment.providers.answer import Answer, Trouble
from ftc.augment.providers.status import Status, trouble
from ftc.augment.providers.structured import Bound, Way
from ftc.augment.providers.target import Target
from ftc.augment.question import Question
from ftc.errors import FtcError

LARGEST = 32 << 20  # bytes of a response that are read (judgment)
OPTIONAL = ("seed", "top_p", "temperature")  # a server may refuse these; they are then left out
_UNKNOWN = re.compile(
    r"unsupported|not support|unknown|unrecogni[sz]ed|not permitted|not allowed|unexpected"
    r"|forbidden|deprecated|default|cannot both|extra inputs",
    re.IGNORECASE,
)


class Chat:
    """What the APIs have in common; a subclass says how a question and an answer look."""

    def __init__(self, target: Target, url: str, headers: Mapping[str, str]) -> None:
        endpoint = target.endpoint
        self._target, self._url = target, url
        self._bound = Bound(endpoint.structured)
        self._without: list[str] = []
        local = urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")
        outside = not local  # a proxy has no way to this machine
        self._client = partial(
            httpx2.AsyncClient,
            headers={"Content-Type": "application/json", **headers},
            timeout=endpoint.timeout,
            verify=httpx2.create_ssl_context(trust_env=outside),
            trust_env=outside,
        )
        self._idle: list[httpx2.AsyncClient] = []  # of a connection each: pools search through all

    def body(self, question: Question, seed: int, way: Way) -> dict[str, Any]:
        """The request."""
        raise NotImplementedError

    def answer(self, found: Any, question: Question) -> Answer:
        """What a response says. Whatever its shape is not as it should be raises KeyError,
        TypeError, ValueError or AttributeError."""
        raise NotImplementedError

    def renamed(self, error: Status, body: Mapping[str, Any]) -> bool:
        """Whether the server wants a key by another name, which `body` uses from now on."""
        return False

    async def ask(self, question: Question, seed: int) -> Answer:
        """As `Provider`."""
        while True:
            way: Way = self._bound.way if question.schema else "none"
            body = self.body(question, seed, way)
            body = {name: it for name, it in body.items() if name not in self._without}
            try:
                found = self._read(await self._sent(body), question)
            except Status as error:
                if not self._otherwise(error, way if question.schema else None, body):
                    raise trouble(error, self._target) from error
            else:
                if question.schema:
                    self._bound.seen(way, found.text, cut=found.cut)
                return found

    async def close(self) -> None:
        """As `Provider`."""
        for client in self._idle:
            await client.aclose()

    def notes(self) -> list[str]:
        """As `Provider`."""
        left_out = [f"the server takes no {name}; asked without it" for name in self._without]
        return self._bound.notes() + left_out

    async def _sent(self, body: dict[str, Any]) -> bytes:
        """The bytes of a response with status 200."""
        content = json.dumps(body)  # ASCII: half a surrogate pair is the server's to refuse
        client = self._idle.pop() if self._idle else self._client()
        try:
            async with (
                asyncio.timeout(self._target.endpoint.timeout),
                client.stream("POST", self._url, content=content) as response,
            ):
                data = bytearray()
                async for chunk in response.aiter_bytes():
                    data += chunk
                    if len(data) > LARGEST:
                        raise Trouble("answer over 1 MB")
                if response.status_code != 200:
                    text = data.decode("utf-8", "replace")
                    raise Status(response.status_code, response.headers, text)
                return bytes(data)
        except (httpx2.TimeoutException, TimeoutError) as error:
            raise Trouble("no answer in time") from error
        except httpx2.ConnectError as error:
            raise Trouble("no connection", str(error), then="unreachable") from error
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise FtcError(
                f"{self._target.what}: {error}", hint="check url = ... of this model"
            ) from error
        except httpx2.RequestError as error:
            raise Trouble("connection cut", str(error)) from error
        finally:
            self._idle.append(client)

    def _read(self, data: bytes, question: Question) -> Answer:
        try:
            return self.answer(json.loads(data), question)
        except json.JSONDecodeError as error:
            begin = " ".join(data[:200].decode("utf-8", "replace").split())
            raise Trouble("broken response", f"no JSON: {begin}" if begin else "empty") from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Trouble("broken response", f"{type(error).__name__}: {error}"[:300]) from error

    def _otherwise(self, error: Status, way: Way | None, body: Mapping[str, Any]) -> bool:
        """Whether to send the question again in a way that this server has not refused."""
        if error.too_long or error.status not in (400, 404, 422, 500, 501):
            return False
        if error.status in (400, 422) and _UNKNOWN.search(error.body):
            if self.renamed(error, body):
                return True
            for name in OPTIONAL:
                if name in body and re.search(rf"\b{name}\b", error.body):
                    if name not in self._without:
                        self._without.append(name)
                    return True
        return way is not None and self._bound.refused(way, error.body)
