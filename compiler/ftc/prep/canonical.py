"""The finished rows as lines of JSON, laid out as `ftc.data` reads them."""

from __future__ import annotations

from typing import Any

from ftc.data.example import Example, Message
from ftc.data.identity import prompt_key
from ftc.prep.rows import Form, Row
from ftc.recipe import Stage

FORMS: dict[Stage, Form] = {
    "sft": "chat",
    "pretrain": "text",
    "dpo": "preference",
    "orpo": "preference",
    "kto": "kto",
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


def asked(row: Row) -> str:
    """The key of what a row asks, equal to that of `ftc.data` for the same row."""
    if row.form == "text":
        return prompt_key(Example(id="", file="", line=0, text=row.turns[0][1]))
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
