"""UTF-8 that was read as Mac Roman, where ftfy sees nothing unlikely: Cyrillic, emoji, Finnish."""

from __future__ import annotations

import re


def _characters(first: int, last: int) -> str:
    return re.escape(bytes(range(first, last + 1)).decode("mac_roman"))


_TAIL = f"[{_characters(0x80, 0xBF)}]"
_SEQUENCE = re.compile(
    f"(?P<two>[{_characters(0xC2, 0xDF)}]{_TAIL})"
    f"|(?P<more>[{_characters(0xE0, 0xF4)}]{_TAIL}{{2,3}})"
)
_ROOT_PI = "√π"  # a formula; also the letter ù
_ENOUGH = 3  # judgment: pairs that all make a character; "—É" alone may be meant


def repaired(text: str) -> str:
    """The text before it was read wrongly; the same text when that is not beyond doubt.

    All of it has to be UTF-8, with three pairs of characters, two of them at an ASCII letter, or
    one longer sequence.
    """
    if _SEQUENCE.search(text) is None or not _certain(text):
        return text
    try:
        return text.encode("mac_roman").decode()
    except UnicodeError:
        return text


def _certain(text: str) -> bool:
    pairs = 0
    beside_letters = 0
    for match in _SEQUENCE.finditer(text):
        if match["more"]:
            return True
        pairs += match.group() != _ROOT_PI
        around = (
            text[max(0, match.start() - 1) : match.start()] + text[match.end() : match.end() + 1]
        )
        letters = around.isascii() and any(map(str.isalpha, around))
        beside_letters += letters and match.group() != _ROOT_PI
        if pairs >= _ENOUGH or beside_letters > 1:
            return True
    return False
