"""Whether an answer can be used: text at all, and JSON that keeps to the schema asked for."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

LARGEST = 1_000_000  # characters of an answer; judgment: rows are some thousand long
_FENCE = re.compile(r"```(?:json)?\s*\n(.*?)\n\s*```", re.DOTALL)


class Unusable(NamedTuple):
    """Why an answer cannot be used: a reason that is counted, and the particulars."""

    reason: str
    detail: str = ""


def read(text: str, schema: str, *, cut: bool) -> tuple[Any, Unusable | None]:
    """The JSON of an answer, None for free text, and what is wrong with the answer.

    `cut` when it ended at `max_tokens`; a cut answer that is whole JSON all the same can be used.
    """
    if not text.strip():
        return None, Unusable("empty answer")
    if len(text) > LARGEST:
        return None, Unusable("answer over 1 MB")
    if not _unicode(text):
        return None, Unusable("not Unicode")
    if not schema:
        return None, None
    try:
        found = value(text)
    except ValueError as error:
        reason = "cut at max_tokens" if cut else "not JSON"
        return None, Unusable(reason, str(error)[:300])
    wrong = best_match(_validator(schema).iter_errors(found))
    if wrong is None:
        return found, None
    return None, Unusable("not the schema", f"{wrong.json_path}: {wrong.message}"[:300])


def value(text: str) -> Any:
    """The JSON of an answer: all of it, else the fenced block, else the first object in it.

    ValueError when there is none, or when it holds what is no Unicode text.
    """
    try:
        found = _parsed(text)
    except ValueError as error:
        fenced = _FENCE.search(text)
        inner = fenced[1] if fenced else text[text.find("{") :]
        if not inner.startswith("{") and not fenced:
            raise
        try:
            found = _DECODER.raw_decode(inner.strip())[0]
        except (ValueError, RecursionError):
            raise error from None
    if "\\u" in text and not _unicode(json.dumps(found, ensure_ascii=False)):
        raise ValueError("a lone surrogate")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_number)


def _parsed(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@lru_cache(64)
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema))
