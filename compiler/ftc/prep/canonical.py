"""The finished rows as lines of JSON, laid out as `ftc.data` reads them."""

from __future__ import annotations

from typing import Any

from ftc.data.example import Example, Message, Segment
from ftc.data.identity import prompt_key
from ftc.prep.rows import TRAINED, Form, Row, segment
from ftc.recipe import Stage

FORMS: dict[Stage, tuple[Form, ...]] = {
    "sft": ("chat", "segments"),
    "pretrain": ("text",),
    "dpo": ("preference",),
    "orpo": ("preference",),
    "kto": ("kto",),
}
ANSWERS = ("chosen", "rejected", "completion")


def record(row: Row) -> dict[str, Any]:
    """One line of train.jsonl or eval.jsonl; `id` and `parents` are those of the row, `augment`
    says how a model made it."""
    told: dict[str, Any] = {"id": row.id, "parents": list(row.parents)}
    if "augment" in row.notes:
        told["augment"] = row.notes["augment"]
    if row.form == "text":
        return told | {"text": row.turns[0][1]}
    if row.form == "segments":
        parts = [{"label": role == TRAINED, "text": content} for role, content in row.turns]
        return told | {"segments": parts}
    calls = row.extra.get("tool_calls", {})  # by the number of the turn
    turns = []
    for number, (role, content) in enumerate(row.turns):
        turn: dict[str, Any] = {"role": role, "content": content}
        if str(number) in calls:
            turn["tool_calls"] = calls[str(number)]
        if role in ANSWERS:
            told[role] = [turn | {"role": "assistant"}]
        else:
            turns.append(turn)
    told["messages" if row.form == "chat" else "prompt"] = turns
    return told | {key: row.extra[key] for key in ("tools", "label") if key in row.extra}


def row(told: dict[str, Any], file: str, place: str) -> Row:
    """The row of a line that `record` wrote, as far as the line tells."""
    form: Form = "text" if "text" in told else "chat" if "messages" in told else "preference"
    if form == "text":
        turns = [{"role": "text", "content": told["text"]}]
    elif "segments" in told:
        form = "segments"
        said = [segment(part["text"], part["label"]) for part in told["segments"]]
        turns = [{"role": role, "content": content} for role, content in said]
    else:
        turns = [*told["messages" if form == "chat" else "prompt"]]
        turns += [told[role][0] | {"role": role} for role in ANSWERS if role in told]
    if "completion" in told:
        form = "kto"
    extra = {key: told[key] for key in ("tools", "label") if key in told}
    calls = {str(i): turn["tool_calls"] for i, turn in enumerate(turns) if "tool_calls" in turn}
    return Row(
        id=told["id"],
        file=file,
        place=place,
        turns=tuple((turn["role"], turn["content"]) for turn in turns),
        form=form,
        parents=tuple(told["parents"]),
        extra=extra | ({"tool_calls": calls} if calls else {}),
        notes={"augment": told["augment"]} if "augment" in told else {},
    )


def of_example(example: Example) -> Row:
    """A row of `ftc.data`; `record` of it reads back as the same example."""
    answers = [(role, getattr(example, role)) for role in ANSWERS]
    said: list[tuple[str, Message]] = [(turn.role, turn) for turn in example.messages]
    said += [(role, turn) for role, turn in answers if turn is not None]
    calls = {str(i): list(turn.tool_calls) for i, (_, turn) in enumerate(said) if turn.tool_calls}
    extra: dict[str, Any] = {"tool_calls": calls} if calls else {}
    if example.tools:
        extra["tools"] = list(example.tools)
    if example.label is not None:
        extra["label"] = example.label
    form: Form = "preference" if example.chosen else "kto" if example.completion else "chat"
    turns = tuple((role, turn.content) for role, turn in said)
    if example.segments:
        form = "segments"
        turns = tuple(segment(*part) for part in example.segments)
    return Row(
        id=example.id,
        file=example.file,
        place=f"line {example.line}",
        turns=turns or (("text", example.text),),
        form=form if turns else "text",
        extra=extra,
    )


def asked(row: Row) -> str:
    """The key of what a row asks, equal to that of `ftc.data` for the same row."""
    if row.form == "text":
        return prompt_key(Example(id="", file="", line=0, text=row.turns[0][1]))
    if row.form == "segments":
        segments = tuple(Segment(content, role == TRAINED) for role, content in row.turns)
        return prompt_key(Example(id="", file="", line=0, segments=segments))
    prompt = tuple(
        Message("user" if role == "user" else "tool", content)
        for role, content in _before_answer(row)
        if role != "system"
    )
    return prompt_key(Example(id="", file="", line=0, messages=prompt))


def _before_answer(row: Row) -> list[tuple[str, str]]:
    found = []
    for role, content in row.turns:
        if role in ("assistant", *ANSWERS):
            break
        found.append((role, content))
    return found
