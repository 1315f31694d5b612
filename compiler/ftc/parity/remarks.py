"""What there is to say of a row: what the template adds to it, and what is not trained as meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from ftc.parity.marked import Marked, Token
from ftc.parity.reader import Reader
from ftc.parity.sources import Content

WORDS = 3  # a text of the template with so many words is more than a role header
SHORT = 90  # characters of a text that is quoted
_HEADER = re.compile(r"^\w+\n+")
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_EMPTY_THOUGHT = re.compile(r"<think>\s*</think>\s*")


def notes(row: Marked, reader: Reader) -> Iterator[str]:
    """Texts that stand in no message: what the template adds, and what of it is trained."""
    added = list(_added(row, reader))
    for text in dict.fromkeys(added):
        count = f" ({added.count(text)} times)" if added.count(text) > 1 else ""
        yield f"the template adds {text}{count}"
    beside = [token for token in row.tokens if _of_template(token) and token.trained]
    if beside and not reader.train_on_prompt:
        yield f"{_count(len(beside), 'token')} of the template trained: {quoted(_text(beside))}"


def _added(row: Marked, reader: Reader) -> Iterator[str]:
    """Empty think blocks; and what stands between special tokens and is more than a header."""
    for inside, run in groupby(row.tokens, _of_template):
        if not inside:
            continue
        tokens = list(run)
        yield from ["an empty think block"] * len(_EMPTY_THOUGHT.findall(_text(tokens)))
        for special, part in groupby(tokens, lambda it: reader.control.get(it.id, False)):
            text = _EMPTY_THOUGHT.sub("", _text(list(part))).strip()
            text = _HEADER.sub("", text)
            if not special and len(re.findall(r"\w+", text)) >= WORDS:
                yield quoted(text)


def warnings(row: Marked, contents: Sequence[Content], reader: Reader) -> Iterator[str]:
    """What is missing, cut, or not trained as one would think."""
    if reader.max_length and len(row.tokens) > reader.max_length:
        yield f"{len(row.tokens)} tokens are more than max_length, {reader.max_length}"
    if not any(token.trained for token in row.tokens):
        yield "nothing of this row is trained"
        return
    yield from _missing(row, contents)
    for number, content in enumerate(contents):
        own = [token for token in row.tokens if token.content == number]
        trained = sum(token.trained for token in own)
        if content.kind == "answer" and trained < len(own):
            yield f"{content.name} is trained on {trained} of its {_count(len(own), 'token')}"
        if content.bare:
            continue
        if held := {token.text for token in own if token.kind == "control"}:
            yield f"{content.name} holds a token of the template: {' '.join(sorted(held))}"
    yield from _open(row, contents)
    stray = sum(token.kind == "prompt" and token.trained for token in row.tokens)
    if stray and not reader.train_on_prompt:
        yield f"{_count(stray, 'token')} of the prompt trained"


def _missing(row: Marked, contents: Sequence[Content]) -> Iterator[str]:
    """Messages, calls and tools that are not in the text, or not whole."""
    places = {place.content: place for place in row.places}
    for number, content in enumerate(contents):
        place = places.get(number)
        text = content.ways[0][0]
        if place is None:
            yield f"{content.name} is not in the row: {quoted(text)}"
        elif not place.whole:
            there = place.end - place.start
            yield f"{content.name} is not whole: {there} of {len(text)} characters"


def _open(row: Marked, contents: Sequence[Content]) -> Iterator[str]:
    """Answers whose end the model does not learn."""
    found = {place.content for place in row.places}
    names = {
        content.turn: content.name
        for number, content in enumerate(contents)
        if content.kind == "answer" and number in found and not content.bare
    }
    for turn, name in names.items():
        if turn not in row.closed:
            yield f"no token ends {name}"
        elif not row.closed[turn]:
            yield f"the end of {name} is not trained: the model does not learn to stop there"


def harmless(text: str) -> str:
    """A text with what would move the cursor or turn the writing around escaped: `\\x1b`."""
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)


def quoted(text: str) -> str:
    """A text in quotes on one line, the middle of a long one left out."""
    flat = harmless(text).replace("\n", "\\n")
    if len(flat) > SHORT:
        flat = f"{flat[: SHORT // 2]} … {flat[-SHORT // 2 :]}"
    return f'"{flat}"'


def _of_template(token: Token) -> bool:
    """Text that no message holds, or a system turn that is the template's own."""
    return token.kind == "template" or (token.kind == "control" and token.content < 0)


def _text(tokens: Sequence[Token]) -> str:
    return "".join(token.text for token in tokens)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
