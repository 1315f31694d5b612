"""The rows on disk: the same columns and types in every row, nothing lost, both views equal."""

from __future__ import annotations

import json

import pytest

from ftc.backends import rows
from ftc.data.example import Example, Message

TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}
ROME = {"name": "weather", "arguments": {"city": "Rome", "days": 2}}
OSLO = {"name": "weather", "arguments": {}}


def example(number, **parts):
    return Example(id=f"id{number}", file="rows.jsonl", line=number, **parts)


CHAT = example(1, messages=(Message("user", "Hi"), Message("assistant", "Hello\nthere")))
CALL = example(
    2,
    messages=(
        Message("system", "Brief."),
        Message("user", "Rome and Oslo?"),
        Message("assistant", "I look.", (ROME, OSLO)),
        Message("tool", "21"),
        Message("tool", "3"),
        Message("assistant", "21 and 3"),
        Message("user", "Rome again"),
        Message("assistant", "", (ROME,)),
        Message("tool", "22"),
        Message("assistant", "22"),
    ),
    tools=(TOOL,),
)
PAIR = example(
    3,
    messages=(Message("user", "5?"),),
    chosen=Message("assistant", "Yes"),
    rejected=Message("assistant", "No"),
)
RATED = example(
    4, messages=(Message("user", "5?"),), completion=Message("assistant", "Yes"), label=False
)


def shape(value):
    """The type of a record, as far as a column type goes."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        kinds = [shape(item) for item in value]
        assert all(kind == kinds[0] for kind in kinds)
        return kinds[:1]
    return type(value).__name__


def test_chat_rows():
    assert list(rows.records([CHAT], "sft")) == [
        {
            "id": "id1",
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello\nthere"},
            ],
        }
    ]


def test_tool_rows_for_a_chat_template():
    record = next(iter(rows.records([CALL], "sft")))
    messages = json.loads(record["messages"])
    assert json.loads(record["tools"]) == [TOOL]
    assert [turn["role"] for turn in messages] == [m.role for m in CALL.messages]
    assert [turn["content"] for turn in messages] == [m.content for m in CALL.messages]
    calls = [call for turn in messages for call in turn.get("tool_calls", [])]
    assert [call["function"] for call in calls] == [ROME, OSLO, ROME]
    ids = [call["id"] for call in calls]
    assert len(set(ids)) == 3
    assert all(len(name) == 9 and name.isalnum() for name in ids)
    results = [turn for turn in messages if turn["role"] == "tool"]
    assert [turn["tool_call_id"] for turn in results] == ids


def test_tool_rows_for_llamafactory():
    record = next(iter(rows.records([CALL], "sft")))
    turns = record["conversations"]
    assert [turn["role"] for turn in turns] == [
        "system",
        "user",
        "function_call",
        "observation",
        "assistant",
        "user",
        "function_call",
        "observation",
        "assistant",
    ]
    assert turns[3]["content"].split("\n</tool_response>\n<tool_response>\n") == ["21", "3"]
    text, calls = turns[2]["content"].split("\n<tool_call>")
    assert text == "I look."
    assert json.loads(calls.removesuffix("</tool_call>")) == [ROME, OSLO]
    assert json.loads(turns[6]["content"]) == [ROME]


def test_rows_with_and_without_tools_have_one_shape():
    records = list(rows.records([CHAT, CALL], "sft"))
    assert shape(records[0]) == shape(records[1])
    assert records[0]["tools"] == "[]" and records[0]["functions"] == ""


def test_a_file_without_tools_beside_one_with_them():
    assert "conversations" in next(iter(rows.records([CHAT], "sft", tools=True)))
    assert "conversations" not in next(iter(rows.records([CHAT], "sft", tools=False)))
    assert "conversations" in next(iter(rows.records(iter([CHAT, CALL]), "sft")))


@pytest.mark.parametrize("stage", ["dpo", "orpo"])
def test_pairs(stage):
    assert list(rows.records([PAIR], stage)) == [
        {
            "id": "id3",
            "prompt": [{"role": "user", "content": "5?"}],
            "chosen": [{"role": "assistant", "content": "Yes"}],
            "rejected": [{"role": "assistant", "content": "No"}],
            "better": {"role": "assistant", "content": "Yes"},
            "worse": {"role": "assistant", "content": "No"},
        }
    ]


def test_feedback():
    record = next(iter(rows.records([RATED], "kto")))
    assert record["label"] is False
    assert record["conversations"] == [*record["prompt"], *record["completion"]]


def test_plain_text():
    assert list(rows.records([example(5, text="A document.")], "pretrain")) == [
        {"id": "id5", "text": "A document."}
    ]


@pytest.mark.parametrize("stage", ["sft", "pretrain", "dpo", "orpo", "kto"])
def test_every_record_has_the_id_and_is_json(stage):
    examples = [CHAT, PAIR, RATED]
    records = list(rows.records(examples, stage))
    assert [record["id"] for record in records] == [one.id for one in examples]
    assert all(json.loads(json.dumps(record)) == record for record in records)
    assert len({str(shape(record)) for record in records}) == 1


def test_no_examples_no_records():
    assert list(rows.records([], "sft")) == []


HEAD = "Today Date: 26 Jul 2024\n\n"


def turns(*contents, first="system"):
    roles = [first, *(["user", "assistant"] * len(contents))]
    return [{"role": role, "content": text} for role, text in zip(roles, contents, strict=False)]


def test_preamble_is_for_llamafactory_alone():
    plain = example(6, messages=(Message("system", "Brief."), *CHAT.messages))
    one, two = rows.records([CHAT, plain], "sft", False, preamble=HEAD)
    assert one["conversations"] == turns(HEAD, "Hi", "Hello\nthere")
    assert two["conversations"] == turns(f"{HEAD}Brief.", "Hi", "Hello\nthere")
    for record, bare in zip((one, two), rows.records([CHAT, plain], "sft"), strict=True):
        assert {key: record[key] for key in bare} == bare
        assert record.keys() - bare.keys() == {"conversations"}


def test_preamble_of_rows_with_tools_is_the_tools_own():
    called, plain = rows.records([CALL, CHAT], "sft", preamble=HEAD)
    assert called == next(iter(rows.records([CALL], "sft")))
    assert plain["conversations"] == turns(HEAD, "Hi", "Hello\nthere")
    assert shape(called) == shape(plain)


@pytest.mark.parametrize("stage", ["dpo", "orpo"])
def test_preamble_and_date_of_pairs(stage):
    (bare,) = rows.records([PAIR], stage)
    (record,) = rows.records([PAIR], stage, preamble=HEAD, date="26 Jul 2024")
    told = {"chat_template_kwargs": {"date_string": "26 Jul 2024"}}
    assert record == bare | told | {"conversations": turns(HEAD, "5?")}


def test_preamble_and_date_of_feedback():
    (bare,) = rows.records([RATED], "kto")
    (record,) = rows.records([RATED], "kto", preamble=HEAD, date="26 Jul 2024")
    told = {"chat_template_kwargs": {"date_string": "26 Jul 2024"}}
    assert record == bare | told | {"conversations": turns(HEAD, "5?", "Yes")}
