"""Where the answers of a chat stand in the text that its chat template makes of it.

Each answer is replaced by a mark, one at a time, in the whole chat: the text around the mark has to
be found around the answer too, to the letter. What a template does elsewhere (it takes thoughts out
of earlier answers, trims, moves the system turn) is the same in both texts. A chat in which this
fails is refused: no span is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Protocol

from ftc.data.example import Example, Message
from ftc.facts.tokens import RowRefused

MARK, THOUGHT = "ftcAnswer51c8", "ftcThought90e2"
OPEN, CLOSE = "<think>", "</think>"
Span = tuple[int, int]  # characters: start, and end, which is beyond the last one


class Renderer(Protocol):
    """What renders a chat, or refuses to."""

    def chat(self, example: Example, messages: Sequence[Message], prompt: bool = False) -> str:
        """The messages as the model reads them; RowRefused."""
        ...


def answers(example: Example, renderer: Renderer, end: str) -> tuple[str, list[Span]]:
    """The whole chat as text, and the span of each assistant turn in it.

    A span reaches from the first sign of the answer, or of its own thoughts or calls, to the end of
    `end`, the text that ends a turn. RowRefused where one cannot be told.
    """
    text = renderer.chat(example, example.messages)
    found = []
    for index, message in enumerate(example.messages):
        if message.role == "assistant":
            start, stop = _answer(example, renderer, index, text, end)
            if any(call["name"] not in text[start:stop] for call in message.tool_calls):
                raise RowRefused(example, "the model's chat template leaves tool calls out")
            found.append((start, _closed(example, text, stop, end)))
    if any(before[1] > after[0] for before, after in pairwise(found)):
        raise _untold(example)
    return text, found


def _answer(example: Example, renderer: Renderer, index: int, text: str, end: str) -> Span:
    span = (
        _plain(example, renderer, index, text)
        or _thinking(example, renderer, index, text)
        or _calling(example, renderer, index, text, end)
    )
    if span is None or not _holds(text[slice(*span)], example.messages[index]):
        raise _untold(example)
    return span


def _holds(found: str, turn: Message) -> bool:
    """What was found is the turn: its words, blanks around them aside, with its thoughts or not."""
    if turn.tool_calls:
        return True
    thought, _, words = turn.content.rpartition(CLOSE)
    if CLOSE not in found:
        return found.strip() in (words.strip(), turn.content.strip())
    kept, _, rest = found.rpartition(CLOSE)
    return (_bare(kept), rest.strip()) == (_bare(thought), words.strip())


def _bare(thought: str) -> str:
    return thought.rpartition(OPEN)[2].strip()


def _plain(example: Example, renderer: Renderer, index: int, text: str) -> Span | None:
    """The answer, calls included, stands where a mark without calls would stand."""
    turn = example.messages[index]
    marked = _marked(example, renderer, index, replace(turn, content=MARK, tool_calls=()))
    if marked.count(MARK) != 1:
        return None
    before, after = marked.split(MARK)
    while turn.tool_calls and before[-1:].isspace() and not text.startswith(before):
        before = before[:-1]  # a call may stand closer to its header than words do
    return _between(text, before, after)


def _thinking(example: Example, renderer: Renderer, index: int, text: str) -> Span | None:
    """The template knows the answer's own thoughts, and lays them out, or leaves them out."""
    turn = example.messages[index]
    if CLOSE not in turn.content or turn.tool_calls:
        return None
    content = f"{OPEN}\n{THOUGHT}\n{CLOSE}\n\n{MARK}"
    marked = _marked(example, renderer, index, replace(turn, content=content))
    if marked.count(MARK) != 1 or marked.count(THOUGHT) > 1:
        return None
    before, after = marked.split(MARK)
    if THOUGHT in before:
        before = before.split(THOUGHT)[0].rstrip().removesuffix(OPEN)
    return _between(text, before, after)


def _calling(example: Example, renderer: Renderer, index: int, text: str, end: str) -> Span | None:
    """Calls that cannot be taken out: from the answer's prompt to the end of the turn after them.

    Only the arguments are marked, so that what follows them up to `end` is the template's own.
    """
    turn = example.messages[index]
    if not turn.tool_calls or not end:
        return None
    calls = tuple({**call, "arguments": {MARK: MARK}} for call in turn.tool_calls)
    marked = _marked(example, renderer, index, replace(turn, tool_calls=calls))
    before, _, rest = marked.partition(MARK)
    _, found, after = rest.rpartition(MARK)[2].partition(end)
    prompt = _prompted(example, renderer, index)
    if not prompt or not found or not before.startswith(prompt):
        return None
    return _between(text, prompt, end + after)


def _prompted(example: Example, renderer: Renderer, index: int) -> str:
    """What the model is given before it writes an answer, "" where the template refuses it."""
    try:
        return renderer.chat(example, example.messages[:index], prompt=True).rstrip()
    except RowRefused:
        return ""


def _marked(example: Example, renderer: Renderer, index: int, turn: Message) -> str:
    """The chat with another turn in one place; "" where the template refuses it."""
    messages = (*example.messages[:index], turn, *example.messages[index + 1 :])
    try:
        return renderer.chat(example, messages)
    except RowRefused:
        return ""


def _between(text: str, before: str, after: str) -> Span | None:
    fits = len(before) + len(after) <= len(text)
    if fits and text.startswith(before) and text.endswith(after):
        return len(before), len(text) - len(after)
    return None


def _closed(example: Example, text: str, stop: int, end: str) -> int:
    """Where the text that ends a turn ends: blanks at most stand between it and the answer."""
    rest = text[stop:]
    blank = len(rest) - len(rest.lstrip())
    if not end or not rest.startswith(end, blank):
        named = end or "a token that ends a turn"
        raise RowRefused(example, f"the model's chat template ends an answer without {named}")
    return stop + blank + len(end)


def _untold(example: Example) -> RowRefused:
    return RowRefused(example, "where its answers stand in the chat template's text is not certain")
