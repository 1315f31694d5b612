"""Filler words out: sounds of thinking, and phrases that commas part from the sentence.

What is content in another place stays: "I like it", "as you know", "this kind of music".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ftc.prep.clean import names
from ftc.prep.clean.hesitations import PAUSE, Patterns

_PAUSE = re.compile(rf"{PAUSE}?[ \t]*")
_STARTS = '.!?:;…\n"“'
_ENDS = ("", ".", "!", "?", ";", "\n")
_GLUED = ("\n", "(", "[", '"', "“")
_GLUING = (*_ENDS, ",", ":", ")", "]")
_OPENING, _CLOSING = ('"', "“", "«", "„"), ('"', "”", "»")
_DASHES = ("—", "–", "--")
_CLOSED = re.compile(r"[.!?…]+[ \t]*")
_BARE = re.compile(r"^([^\n:]{1,40}):[ \t]*(?:\n|\Z)", re.M)
_SUBJECTS = ("i", "you", "we", "they")  # "you like you" says something


class _Place(NamedTuple):
    """Where one or more fillers stand in their text."""

    start: int
    close: int  # end of the comma, dash or dots after them, and of the spaces there
    before: str  # what stands before them, without spaces
    mark: str  # the comma, dash or dots
    starts: bool  # a sentence begins with them
    ends: bool  # a sentence or a quote ends with them
    quoted: bool  # a closing quote follows


def thinned(text: str, found: Patterns) -> str:
    """The text without fillers; a sentence that lost its first word begins with a capital again.

    The commas around a filler go with it: "the, um, shop" is "the shop".
    """
    pieces: list[str] = []
    end = 0
    for match in found.run.finditer(text):
        if match.start() < end:
            continue
        for start, close in _fillers(match, found):
            if start >= end:
                pieces.append(text[end:start])
                end = _cut(pieces, _place(text, start, close), text)
    result = "".join([*pieces, text[end:]]) if end else text
    return result if result == text else _without_bare_tags(result, text)


def single(text: str, found: Patterns) -> str:
    """The text with a phrase that was said twice once: "like, like", "it's like it's"."""
    text = found.through.sub(_once, text) if found.through else text
    return found.again.sub(r"\g<phrase>", text) if found.again else text


def _place(text: str, start: int, end: int) -> _Place:
    before = text[max(0, start - 40) : start].rstrip(" \t")
    pause = _PAUSE.match(text, end)
    close = pause.end() if pause else end
    mark = text[end:close].strip()
    starts = not before or before[-1] in _STARTS
    after = text[close : close + 1]
    quoted = after in _CLOSING and not text[close - 1].isspace()
    ends = not mark and (after in _ENDS or quoted)
    return _Place(start, close, before, mark, starts, ends, quoted)


def _fillers(run: re.Match[str], found: Patterns) -> Iterator[tuple[int, int]]:
    """Start and end of each part of a run that is nothing but fillers."""
    items = list(found.item.finditer(run.string, run.start(), run.end()))
    dropped = [_filler(items, at, found) for at in range(len(items))]
    at = 0
    while at < len(items):
        last = at
        while last < len(items) and dropped[last]:
            last += 1
        if last > at:
            yield items[at].start(), items[last - 1].end()
        at = last + 1


def _filler(items: list[re.Match[str]], at: int, found: Patterns) -> bool:
    item = items[at]
    word = item.group()
    if len(word) > 1 and word.isupper() and not _line(item).isupper():
        return False  # "ER", "UM"
    if item["sound"]:
        return True
    place = _place(item.string, item.start(), item.end())
    if item.string[place.close : place.close + 1] in _OPENING:
        return False  # she was like, "no"
    starts, ends = place.starts, place.ends
    parted = [place.before[-1:] in (",", "—", "–"), bool(place.mark)]
    beside = [starts or _sound(items, at - 1), ends or _sound(items, at + 1)]
    if not any(parted) or not all(a or b for a, b in zip(parted, beside, strict=True)):
        return False
    if at and not starts:
        starts = _place(item.string, items[0].start(), items[0].end()).starts and all(
            other["sound"] for other in items[:at]
        )
    marker = found.markers[word.lower()]
    if ("start" if starts else "end" if ends else "middle") not in marker.at:
        return False
    after = re.match(r"\w+", item.string[place.close : place.close + 20])
    before = re.search(r"\w+$", place.before.rstrip(","))
    return not (
        (after and after.group().lower() in marker.unless_next)
        or (before and before.group().lower() in marker.unless_before)
    )


def _sound(items: list[re.Match[str]], at: int) -> bool:
    return 0 <= at < len(items) and items[at]["sound"] is not None


def _cut(pieces: list[str], place: _Place, text: str) -> int:
    """Write what is left of fillers to `pieces`, whose last is the text before them.

    Returns where the text goes on.
    """
    close = place.close
    after = text[close : close + 1]
    if place.starts and place.ends:
        if after == "?":
            pieces.append(text[place.start : close])
            return close  # "Hmm?" asks
        ended = _CLOSED.match(text, close)
        return ended.end() if ended else close
    if place.starts:
        pieces.append(after.upper() if text[place.start].isupper() else after)
        return close + 1
    head = pieces.pop().rstrip(" \t")
    if head.endswith(",") and (place.mark or place.ends):
        head = head[:-1]
    elif place.mark in _DASHES and not head.endswith(_DASHES):
        head += " " + place.mark
    elif head.endswith("(") and after == ")":
        pieces += [head[:-1].rstrip(" \t")]
        return close + 1
    glued = not place.before or place.before[-1] in _GLUED or after in _GLUING or place.quoted
    pieces += [head, "" if glued else " "]
    return close


def _line(match: re.Match[str]) -> str:
    text = match.string
    start = text.rfind("\n", 0, match.start()) + 1
    end = text.find("\n", match.end())
    return text[start : end if end >= 0 else len(text)]


def _once(match: re.Match[str]) -> str:
    liking = match["word"].lower() in _SUBJECTS and "like" in match.group().lower()
    return match.group() if liking else match["word"]


def _without_bare_tags(text: str, original: str) -> str:
    """Speaker tags that had nothing but fillers after them go too."""
    there = set(original.split("\n"))

    def kept(match: re.Match[str]) -> str:
        bare = match.group().rstrip("\n")
        return match.group() if bare in there or not names.plausible(match[1]) else ""

    return _BARE.sub(kept, text)
