"""Who said what in a transcript: lines of "Name: text", and the lines after them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

TAG = re.compile(r"^[ \t]*([^\W_][^\n:]{0,59}?|\[[A-Z]+_\w+\])[ \t]*:(?:[ \t]+|$)", re.MULTILINE)
WORDS = 4  # of a name at most
# Words before a colon that start a sentence, not a turn.
NO_NAMES = re.compile(
    "answer|attention|beispiel|caution|danger|edit|example|fazit|hint|hinweis|important|info"
    "|ingredients|introduction|note|notice|option|part|ps|question|rule|source|step|subject"
    "|summary|tipp?s?|title|topic|update|verdict|warning|wichtig",
    re.IGNORECASE,
)


class Turn(NamedTuple):
    """What one speaker says at a stretch; `start` and `end` are characters of the transcript."""

    speaker: str
    text: str
    start: int
    end: int


def turns(text: str, known: Callable[[str], bool]) -> Iterator[Turn]:
    """The turns of a transcript; what stands before the first tag is nobody's and left out.

    A line starts a turn when its tag is `known`, or looks like a name: up to four words with a
    capital or a number. Line breaks inside of a turn are the recorder's and become spaces.
    """
    tags = [tag for tag in TAG.finditer(text) if known(tag[1]) or _is_name(tag[1])]
    ends = [*(tag.start() for tag in tags[1:]), len(text)]
    for tag, end in zip(tags, ends, strict=False):
        said = text[tag.end() : end]
        yield Turn(tag[1], " ".join(said.split()), tag.start(), tag.end() + len(said.rstrip()))


def _is_name(tag: str) -> bool:
    words = tag.split()
    if len(words) > WORDS or NO_NAMES.fullmatch(words[0]):
        return False
    return all(not word[0].islower() for word in words) and any(c.isalpha() for c in tag)
