"""The rows on disk: one record an example, laid out so that both backends read the same file.

Every record of a stage has the same columns with the same types: the JSON reader of `datasets`
fixes them by the first rows and refuses a later one that differs. Columns that one backend alone
reads do not disturb the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ftc.data.chat import turns
from ftc.data.example import Example, Message
from ftc.recipe import Stage

# What stands between the results of calls made at once; LLaMA-Factory joins them so itself.
_BETWEEN_RESULTS = "\n</tool_response>\n<tool_response>\n"


def records(
    examples: Iterable[Example],
    stage: Stage,
    tools: bool | None = None,
    *,
    preamble: str = "",
    date: str = "",
) -> Iterator[dict[str, Any]]:
    """The records of a train or eval file, in the order of the examples.

    `tools` is the plan's `has_tools`, the same for both files; None looks at these examples.
    `preamble` and `date` are its `system_preamble` and `template_date`.

    - sft: `messages` [{role, content}]; with a preamble `conversations` too
    - sft, a row of segments: `segments` [{label, text}] instead
    - sft with tools: `messages` as JSON text, with calls, and `tools` as JSON text, for a chat
      template; `conversations` [{role, content}] and `functions` for LLaMA-Factory, which knows
      calls as turns of a role of their own
    - pretrain: `text`
    - dpo, orpo: `prompt` [{role, content}], `chosen` and `rejected` [{role, content}] of one turn
      each; `better` and `worse` are the same turns without the list
      each; `better` and `worse` are the same turns without the list; with a preamble
      `conversations`, the prompt
    - kto: `prompt`, `completion` [{role, content}], `label`; `conversations` is both in one

    `conversations` holds the preamble, which LLaMA-Factory's own template lacks; preference rows
    hold the date as `chat_template_kwargs`, where TRL looks for it.
    """
    if stage == "sft":
        held = list(examples) if tools is None else examples
        laid = _called if _wants(held, tools) else _chat
        for example in held:
            yield _segments(example) if example.segments else laid(example, preamble)
    elif stage == "pretrain":
        yield from ({"id": example.id, "text": example.text} for example in examples)
    else:
        told = {"chat_template_kwargs": {"date_string": date}} if date else {}
        laid = _rated if stage == "kto" else _paired
        yield from (laid(example, preamble) | told for example in examples)


def uses_tools(example: Example) -> bool:
    """The example lists tools, or calls one."""
    return bool(example.tools) or any(message.tool_calls for message in example.messages)


def _wants(examples: Iterable[Example], tools: bool | None) -> bool:
    return any(map(uses_tools, examples)) if tools is None else tools


def _turn(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.content}


def _headed(messages: Sequence[Message], preamble: str) -> Sequence[Message]:
    """The messages with the preamble in front of their system text, or as their system turn."""
    if not preamble:
        return messages
    first, *rest = messages
    if first.role != "system":
        return Message("system", preamble), *messages
    return replace(first, content=preamble + first.content), *rest


def _segments(example: Example) -> dict[str, Any]:
    parts = [{"label": part.trained, "text": part.text} for part in example.segments]
    return {"id": example.id, "segments": parts}


def _chat(example: Example, preamble: str) -> dict[str, Any]:
    record: dict[str, Any] = {"id": example.id, "messages": list(map(_turn, example.messages))}
    if preamble:
        record["conversations"] = list(map(_turn, _headed(example.messages, preamble)))
    return record


def _called(example: Example, preamble: str) -> dict[str, Any]:
    # LLaMA-Factory writes the preamble of Llama 3 in front of tools itself.
    heard = _headed(example.messages, "" if example.tools else preamble)
    return {
        "id": example.id,
        "messages": _text(list(turns(example.messages))),
        "tools": _text(list(example.tools)),
        "conversations": list(_conversations(heard)),
        # An empty list would make LLaMA-Factory write an empty system turn.
        "functions": _text(list(example.tools)) if example.tools else "",
    }


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _conversations(messages: Sequence[Message]) -> Iterator[dict[str, str]]:
    """Turns as LLaMA-Factory wants them: a call is a turn of its own kind, results are one turn."""
    results: list[str] = []
    for message in messages:
        if message.role == "tool":
            results.append(message.content)
            continue
        if results:
            yield {"role": "observation", "content": _BETWEEN_RESULTS.join(results)}
            results = []
        yield _call(message) if message.tool_calls else _turn(message)
    if results:
        yield {"role": "observation", "content": _BETWEEN_RESULTS.join(results)}


def _call(message: Message) -> dict[str, str]:
    calls = _text(
        [{key: call[key] for key in ("name", "arguments")} for call in message.tool_calls]
    )
    if message.content:
        calls = f"{message.content}\n<tool_call>{calls}</tool_call>"
    return {"role": "function_call", "content": calls}


def _answer(message: Message | None) -> dict[str, str]:
    return _turn(message) if message else {"role": "assistant", "content": ""}


def _paired(example: Example, preamble: str) -> dict[str, Any]:
    better, worse = _answer(example.chosen), _answer(example.rejected)
    heard = map(_turn, _headed(example.messages, preamble))
    return {
        "id": example.id,
        "prompt": [_turn(message) for message in example.messages],
        "chosen": [better],
        "rejected": [worse],
        "better": better,
        "worse": worse,
    } | ({"conversations": list(heard)} if preamble else {})


def _rated(example: Example, preamble: str) -> dict[str, Any]:
    answer = _answer(example.completion)
    return {
        "id": example.id,
        "prompt": [_turn(message) for message in example.messages],
        "completion": [answer],
        "label": bool(example.label),
        "conversations": [*map(_turn, _headed(example.messages, preamble)), answer],
    }
