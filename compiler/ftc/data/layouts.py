"""What each format's columns mean: a row of a file becomes an `Example` without a place."""

from __future__ import annotations

from typing import Any

from ftc.data.example import Example, Message, Segment
from ftc.data.table import BadRow
from ftc.data.turns import EMPTY_ANSWER, check_order, decoded, message, tools, turns
from ftc.diagnostics import nearest

SAME_PAIR = "chosen and rejected are equal"
Row = dict[str, Any]
_CHATS = ("messages", "conversations", "conversation")
_PROMPTS = ("prompt", "question", "instruction")


def alpaca(row: Row) -> Example:
    """instruction and input are joined by one line break; history holds [question, answer]."""
    answer = _text(row, "output", empty=EMPTY_ANSWER)
    messages = [*_system(row), *_history(row), Message("user", _instruction(row))]
    return _chat([*messages, Message("assistant", answer)], row)


def chat(row: Row) -> Example:
    """messages (role, content) or conversations (from, value), with optional system and tools."""
    return _chat([*_system(row), *_turns(row)], row)


def text(row: Row) -> Example:
    """One document."""
    return _example(text=_text(row, "text", empty="empty text"))


def segments(row: Row) -> Example:
    """Pieces of text, each with its label: true where it is trained; among them may be chats.

    Empty pieces are left out: they have no tokens.
    """
    value = decoded(row.get("segments"), "segments")
    if not value and any(row.get(name) for name in _CHATS):
        return chat(row)
    if not isinstance(value, list):
        raise BadRow("column 'segments' holds no list of segments")
    found = [_segment(part, number) for number, part in enumerate(value, 1)]
    if not any(part.trained and part.text for part in found):
        raise BadRow("no segment with a text is labelled true")
    return _example(segments=tuple(part for part in found if part.text))


def preference(row: Row) -> Example:
    """A prompt with a chosen and a rejected answer, each a text, a turn or a whole chat."""
    chosen, rejected = _answer(row, "chosen"), _answer(row, "rejected")
    prompt = _prompt(row) or _shared(chosen, rejected)
    prompt = [*_system(row), *prompt] if prompt and prompt[0].role != "system" else prompt
    if not prompt:
        raise BadRow("no prompt: neither a prompt column nor a shared start of the two chats")
    check_order(prompt, last=("user", "tool"))
    good, bad = _last(chosen, prompt, "chosen"), _last(rejected, prompt, "rejected")
    if good == bad:
        raise BadRow(SAME_PAIR)
    return _example(messages=tuple(prompt), tools=_tools(row), chosen=good, rejected=bad)


def kto(row: Row) -> Example:
    """An answer with a label: true for wanted, false for not."""
    label = _label(row)
    if any(row.get(name) for name in _CHATS):
        whole = [*_system(row), *_turns(row)]
        prompt, answer = whole[:-1], whole[-1:]
    else:
        answer = _answer(row, "completion")
        prompt = [*_system(row), *_prompt(row)] if _prompt(row) else []
        prompt = prompt[1:] if len(prompt) > 1 and prompt[1].role == "system" else prompt
    if not prompt:
        raise BadRow("no prompt before the completion")
    check_order(prompt, last=("user", "tool"))
    return _example(
        messages=tuple(prompt),
        tools=_tools(row),
        completion=_last(answer, prompt, "completion"),
        label=label,
    )


def _example(**parts: Any) -> Example:  # Any: the fields of Example, passed on
    return Example(id="", file="", line=0, **parts)


def _segment(part: Any, number: int) -> Segment:
    if not isinstance(part, dict) or not isinstance(part.get("text"), str):
        raise BadRow(f"segment {number} is no object with a label and a text")
    if part.get("label") not in (True, False):  # Axolotl would train on "false"
        raise BadRow(f"segment {number} has the label {part.get('label')!r}, not true or false")
    return Segment(part["text"], bool(part["label"]))


def _chat(messages: list[Message], row: Row) -> Example:
    check_order(messages, last=("assistant",))
    return _example(messages=tuple(messages), tools=_tools(row))


def _turns(row: Row) -> list[Message]:
    for name in _CHATS:
        if row.get(name):
            found = list(turns(row[name], name))
            return found[1:] if _doubled(found, row) else found
    raise BadRow(f"no column {_CHATS[0]!r}")


def _doubled(messages: list[Message], row: Row) -> bool:
    """A system column next to a system turn that says the same is no second system turn."""
    own = _system(row)
    return bool(own) and messages[:1] == own


def _system(row: Row) -> list[Message]:
    value = row.get("system") or row.get("system_prompt")
    return [Message("system", value)] if isinstance(value, str) and value.strip() else []


def _tools(row: Row) -> tuple[dict[str, Any], ...]:
    return tools(row.get("tools"))


def _instruction(row: Row) -> str:
    parts = [_scalar(row.get(name), name) for name in ("instruction", "input")]
    joined = "\n".join(part for part in parts if part.strip())
    if not joined:
        raise BadRow(_absent(row, "instruction", "empty instruction"))
    return joined


def _history(row: Row) -> list[Message]:
    pairs = decoded(row.get("history"), "history") or []
    found: list[Message] = []
    for pair in pairs if isinstance(pairs, list) else [None]:
        if not (isinstance(pair, list | tuple) and len(pair) == 2):
            raise BadRow("column 'history' holds no list of [question, answer] pairs")
        found += [Message("user", _scalar(pair[0], "history"))]
        found += [Message("assistant", _scalar(pair[1], "history"))]
    return found


def _text(row: Row, name: str, *, empty: str) -> str:
    value = _scalar(row.get(name), name)
    if not value.strip():
        raise BadRow(_absent(row, name, empty))
    return value


def _scalar(value: Any, name: str) -> str:
    """Text; a number is written out, since a class or a result may be one; null is empty."""
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise BadRow(f"column {name!r} holds a {type(value).__name__}, not text")


def _absent(row: Row, name: str, empty: str) -> str:
    if name in row:
        return empty
    guess = nearest(name, map(str, row))
    meant = f" (did you mean {guess}?)" if guess else f"; it has {', '.join(map(str, row))}"
    return f"no column {name!r}{meant}"


def _prompt(row: Row) -> list[Message]:
    for name in (*_CHATS, *_PROMPTS):
        value = row.get(name)
        if isinstance(value, str):
            value = _structured(value)
        if isinstance(value, list) and value:
            return list(turns(value, name))
        if isinstance(value, str) and value.strip():
            both = _instruction({"instruction": value, "input": row.get("input")})
            return [Message("user", both)]
    return []


def _answer(row: Row, name: str) -> list[Message]:
    value = row.get(name)
    if isinstance(value, str):
        value = _structured(value)
    if isinstance(value, list):
        return list(turns(value, name))
    if isinstance(value, dict):
        return [message(value)]
    return [Message("assistant", _text(row, name, empty=f"{EMPTY_ANSWER} in {name}"))]


def _structured(value: str) -> Any:
    """Turns that a CSV field holds as JSON; a text that merely is JSON stays a text."""
    if value.lstrip()[:1] not in ("[", "{"):
        return value
    try:
        found = decoded(value, "answer")
    except BadRow:
        return value
    first = found[0] if isinstance(found, list) and found else found
    return found if isinstance(first, dict) and {"role", "from"} & set(first) else value


def _shared(chosen: list[Message], rejected: list[Message]) -> list[Message]:
    """The turns with which both chats start, when the answers are whole chats."""
    count = 0
    for left, right in zip(chosen[:-1], rejected[:-1], strict=False):
        if left != right:
            break
        count += 1
    return chosen[:count]


def _last(answer: list[Message], prompt: list[Message], name: str) -> Message:
    """The answer's own turn: the last one, after the prompt where the chat repeats it."""
    said = [turn for turn in prompt if turn.role != "system"]
    rest = [turn for turn in answer if turn.role != "system"]
    rest = rest[len(said) :] if len(rest) > 1 and rest[: len(said)] == said else rest
    if len(rest) != 1 or rest[0].role != "assistant":
        roles = ", ".join(turn.role for turn in rest) or "nothing"
        raise BadRow(f"{name} is to be one assistant turn after the prompt; it holds {roles}")
    if not rest[0].content.strip() and not rest[0].tool_calls:
        raise BadRow(f"{EMPTY_ANSWER} in {name}")
    return rest[0]


def _label(row: Row) -> bool:
    value = row.get("label", row.get("kto_tag"))
    known = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
    key = str(value).strip().lower()
    if key not in known:
        raise BadRow(f"label is {value!r}, expected true or false")
    return known[key]
