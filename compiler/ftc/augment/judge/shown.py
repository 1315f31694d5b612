"""What the judge sees of a row: a request, its response, and what stands before them."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ftc.prep.canonical import ANSWERS
from ftc.prep.rows import Row

FORMS = ("chat", "preference", "kto")


class Shown(NamedTuple):
    """`context` holds the system turn, the tools and earlier turns, "" where there are none."""

    context: str
    request: str
    response: str

    def values(self) -> dict[str, str]:
        """As a prompt takes them."""
        return self._asdict()


def shown(row: Row) -> Shown | None:
    """The last request of a row and all that answers it; of a preference pair the chosen answer.

    None for a row that holds no request or no answer. Tool calls are shown as JSON.
    """
    if row.form not in FORMS:
        return None
    turns = row.turns[:-1] if row.form == "preference" else row.turns
    at = max((i for i, (role, _) in enumerate(turns) if role == "user"), default=None)
    if at is None or not turns[at][1].strip():
        return None
    said = [(role, _whole(row, i)) for i, (role, _) in enumerate(turns)]
    answers = said[at + 1 :]
    if not answers or answers[-1][0] not in ("assistant", *ANSWERS) or not answers[-1][1].strip():
        return None
    response = answers[0][1] if len(answers) == 1 else _chat(answers)
    context = _chat(said[:at])
    if tools := row.extra.get("tools"):
        context = f"tools: {_json(tools)}\n{context}".strip()
    return Shown(context, said[at][1], response)


def _whole(row: Row, number: int) -> str:
    """A turn with the tool calls that it makes."""
    content = row.turns[number][1]
    calls = row.extra.get("tool_calls", {}).get(str(number))
    return f"{content}\ncalls: {_json(calls)}".strip() if calls else content


def _chat(turns: list[tuple[str, str]]) -> str:
    return "\n".join(f"{role}: {content}" for role, content in turns)


def _json(value: Any) -> str:  # Any: tools and calls as the row has them
    return json.dumps(value, ensure_ascii=False)
