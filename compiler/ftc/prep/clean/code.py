"""What is code in a text, and so is left as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

_FENCED = (
    r"^[ \t]*(?P<mark>`{3,}|~{3,})[^\n]*"
    r"(?:\n.*?(?:^[ \t]*(?P=mark)[`~]*[ \t]*(?:\n|\Z)|\Z)|\Z)"
)
_INDENTED = r"(?:^(?: {4}|\t)[^\n]*(?:\n|\Z))+"
_BLOCK = re.compile(f"{_FENCED}|{_INDENTED}", re.M | re.S)
_ANY = re.compile(rf"{_FENCED}|{_INDENTED}|`[^`\n]+`|https?://\S+|www\.\S+", re.M | re.S)
_SIGNS = ("`", "~~~", "    ", "\t", "http", "www.")  # one of them is in any code or address


def outside_blocks(text: str, fix: Callable[[str], str]) -> str:
    """The text with `fix` done to what stands outside of fenced and indented code; whole lines."""
    return _outside(_BLOCK, text, fix)


def outside(text: str, fix: Callable[[str], str]) -> str:
    """As `outside_blocks`, and code within a line and addresses of the web are left too."""
    return _outside(_ANY, text, fix)


def _outside(pattern: re.Pattern[str], text: str, fix: Callable[[str], str]) -> str:
    if not any(sign in text for sign in _SIGNS):
        return fix(text) if text else text
    pieces: list[str] = []
    end = 0
    for match in pattern.finditer(text):
        if match.start() > end:
            pieces.append(fix(text[end : match.start()]))
        pieces.append(match.group())
        end = match.end()
    if end < len(text):
        pieces.append(fix(text[end:]))
    return "".join(pieces)


def data(text: str) -> bool:
    """Is the text one JSON object or array?"""
    if text[:1] not in ("{", "[") or text.rstrip()[-1:] not in ("}", "]"):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
