"""What an HTTP status other than 200 means for a question, for its endpoint and for the run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

from ftc.augment.providers.answer import Trouble
from ftc.augment.providers.target import Target
from ftc.errors import FtcError

LONGEST_WAIT = 900.0  # seconds; a server that wants more is asked in another run (judgment)

_TOO_LONG = re.compile(
    r"context.{0,20}(length|size|window)|maximum.{0,40}tokens|too many tokens"
    r"|(prompt|input)\b.{0,20} too long|exceeds?\b.{0,60}\b(context|tokens)",
    re.IGNORECASE | re.DOTALL,
)
_NO_MODEL = re.compile(
    r"model_not_found|\bmodel\b.{0,80}(not found|not exist|unknown|not available)", re.IGNORECASE
)
_NO_KEY = re.compile(r"(api[ _-]?key|token).{0,40}(invalid|not valid|incorrect)", re.IGNORECASE)
_NO_QUOTA = re.compile(r"insufficient_quota|credit balance|billing", re.IGNORECASE)


class Status(Exception):
    """An answer of a server that is none: its status, its headers and what its body says."""

    def __init__(self, status: int, headers: Mapping[str, str], body: str) -> None:
        super().__init__(status)
        self.status, self.headers, self.body = status, headers, body[:4000]

    @property
    def message(self) -> str:
        """What the body says to people."""
        found: Any = None
        try:
            found = json.loads(self.body)
        except ValueError:
            return " ".join(self.body.split())
        while isinstance(found, dict):
            names = ("error", "message", "detail")
            found = next((found[name] for name in names if found.get(name)), str(found))
        return found if isinstance(found, str) else json.dumps(found)

    @property
    def too_long(self) -> bool:
        """Whether the question does not fit into the model's context."""
        return self.status == 413 or (
            self.status in (400, 422) and bool(_TOO_LONG.search(self.body))
        )


def trouble(error: Status, target: Target) -> Trouble:
    """What follows for the question; FtcError when no question will be answered."""
    detail = target.scrubbed(f"{error.status}: {error.message}")
    if error.too_long:
        return Trouble("context too long", detail, then="final")
    _hopeless(error, target, detail)
    if error.status in (429, 503, 529):
        wait = retry_after(error.headers)
        if wait is not None and wait > LONGEST_WAIT:
            raise FtcError(
                f"{target.what}: the server wants a pause of {wait:.0f} seconds",
                hint="run the command again after that; what was answered is kept",
                exit_code=4,
            )
        reason = "rate limit" if error.status == 429 else "server busy"
        return Trouble(reason, detail, then="pause", wait=wait)
    if error.status == 408:
        return Trouble("no answer in time", detail)
    if error.status == 409 or error.status >= 500:
        return Trouble("server error", detail)
    return Trouble("refused by the server", detail, then="refused")


def _hopeless(error: Status, target: Target, detail: str) -> None:
    """Raise for what the user has to mend before anything is answered."""
    status, body = error.status, error.body
    if status == 402 or (status in (400, 403, 429) and _NO_QUOTA.search(body)):
        raise FtcError(
            f"{target.what}: the quota is used up: {detail}",
            hint="what was answered is kept; raise the quota, or name another model",
            exit_code=4,
        )
    if status == 401 or (status == 400 and _NO_KEY.search(body)):
        name = target.endpoint.key_env
        hint = f"check the environment variable {name}" if name else "name its key by key_env = ..."
        raise FtcError(f"{target.what}: the server does not take the key: {detail}", hint=hint)
    if status == 403:
        raise FtcError(
            f"{target.what}: access is refused: {detail}",
            hint=f"check that the key may use the model {target.model!r}",
        )
    if status == 404 or (status in (400, 422) and _NO_MODEL.search(body)):
        raise FtcError(
            f"{target.what}: no model {target.model!r} there: {detail}",
            hint="check model = ..., and that url = ... ends as the server wants it, often in /v1",
        )
    if 300 <= status < 400 or status == 405:
        to = target.scrubbed(error.headers.get("location", ""))
        raise FtcError(
            f"{target.what}: this is no address of an API: {detail.rstrip(': ')}",
            hint=f"check url = ...; the server sends on to {to}" if to else "check url = ...",
        )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server wants to be left alone, by its Retry-After; None when it is silent.

    The header holds seconds or an HTTP date (RFC 9110, section 10.2.3), which is compared with the
    server's own time where it says it: the clock of this machine may be wrong.
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return max(0.0, float(text))
    until = _seconds(text)
    now = _seconds(headers.get("date", ""))
    return None if until is None else max(0.0, until - (time() if now is None else now))


def _seconds(date: str) -> float | None:
    """An HTTP date as seconds since 1970."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
