"""UTF-8 that was read wrongly where ftfy sees nothing unlikely: Cyrillic as Mac Roman, Armenian.

What is beyond doubt is taken: all of the text is UTF-8 when it is written in the wrong encoding,
and there are too many such characters in it for chance.
"""

from __future__ import annotations

import re

import ftfy.bad_codecs  # noqa: F401 - registers Windows-1252 as browsers read it


def _sequences(encoding: str) -> re.Pattern[str]:
    """Characters that stand for the bytes of one character in UTF-8."""

    def some(first: int, last: int) -> str:
        return f"[{re.escape(bytes(range(first, last + 1)).decode(encoding))}]"

    tail = some(0x80, 0xBF)
    return re.compile(
        f"{some(0xC2, 0xDF)}{tail}|{some(0xE0, 0xEF)}{tail}{{2}}|{some(0xF0, 0xF4)}{tail}{{3}}"
    )


_MAC = "mac_roman"
_WINDOWS = "sloppy-windows-1252"
_SEQUENCES = {name: _sequences(name) for name in (_MAC, _WINDOWS)}
_ENOUGH = 3  # judgment: "«é…»" may be French
_WORD = re.compile(r"[a-z]{2}√|√[§¶∫¥Ω][a-z]")  # nobody takes the root of these within a word
_ROOT_PI = "√π"  # a formula; also the letter ù


def repaired(text: str) -> str:
    """The text before it was read wrongly; the same text when that is not beyond doubt."""
    for encoding, sequences in _SEQUENCES.items():
        if sequences.search(text) is not None:
            try:
                found = text.encode(encoding).decode()
            except UnicodeError:
                continue
            if _certain(text, encoding, sequences.findall(text)):
                return found
    return text


def _certain(text: str, encoding: str, found: list[str]) -> bool:
    if len(found) - found.count(_ROOT_PI) >= _ENOUGH:
        return True
    return encoding == _MAC and (
        any(len(one) > 2 for one in found) or _WORD.search(text) is not None
    )
