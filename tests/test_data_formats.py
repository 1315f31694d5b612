"""Rows of every format become the examples, or the reasons, that tests/data/formats.toml says."""

import json
import tomllib
from pathlib import Path

import pytest

from ftc import recipe
from ftc.data.json_rows import parse
from ftc.data.load import load
from ftc.errors import FtcError

CASES = tomllib.loads((Path(__file__).parent / "data" / "formats.toml").read_text("utf-8"))
GOOD = {
    "sft": '{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],'
    ' "instruction": "q", "output": "a"}',
    "pretrain": '{"text": "t"}',
    "dpo": '{"prompt": "p", "chosen": "c", "rejected": "r"}',
    "kto": '{"prompt": "p", "completion": "c", "label": true}',
}


def read(folder, text, stage="sft", **data):
    (folder / "rows.json").write_text(text, "utf-8")
    return load(recipe.Data(path="rows.json", **{"eval": 0, **data}), stage, folder, seed=1)


def shown(example):
    turns = [f"{message.role}: {message.content}" for message in example.messages]
    for name in ("chosen", "rejected", "completion"):
        if answer := getattr(example, name):
            assert answer.role == "assistant"
            turns.append(f"{name}: {answer.content}")
    return turns


@pytest.mark.parametrize("case", CASES["good"], ids=lambda case: case["why"])
@pytest.mark.parametrize("named", [False, True], ids=["detected", "named"])
def test_good_row(tmp_path, case, named):
    form = {"format": case["format"]} if named else {}
    found = read(tmp_path, f"[{case['row']}]", case.get("stage", "sft"), **form)
    assert (found.format, found.rejected) == (case["format"], ())
    (example,) = found.train
    assert shown(example) == case["turns"]
    calls = [call for message in example.messages for call in message.tool_calls]
    assert calls == [json.loads(call) for call in case.get("calls", [])]
    assert [tool["function"]["name"] for tool in example.tools] == case.get("tools", [])
    assert (example.text, example.label) == (case.get("text", ""), case.get("label"))
    assert (example.file, example.line, len(example.id)) == ("rows.json", 1, 16)


@pytest.mark.parametrize("case", CASES["bad"], ids=lambda case: case["reason"])
def test_bad_row_is_named_and_the_others_stay(tmp_path, case):
    stage = case.get("stage", "sft")
    bad, good = case["row"], GOOD[stage]
    if stage == "sft":  # one file holds one format
        keys = ("messages",) if "messages" in parse(bad) else ("instruction", "output")
        good = json.dumps({key: parse(good)[key] for key in keys})
    found = read(tmp_path, f"[{good}, {bad}, {good}]", stage)
    assert [(row.line, row.reason) for row in found.rejected] == [(2, case["reason"])]
    assert [example.line for example in found.train] == [1, 3]


ALL_BAD = (
    '[{"instruction": "a", "output": ""}, {"instruction": "", "output": "b"}, 7, {"output": "c"}]'
)


def test_all_rows_bad_is_an_error_with_three_reasons(tmp_path):
    with pytest.raises(FtcError) as caught:
        read(tmp_path, ALL_BAD)
    assert str(caught.value).startswith("rows.json: all 4 rows are bad for format alpaca: line ")
    assert str(caught.value).count("line ") == 3
    assert "columns found: instruction, output; expected instruction, output" in caught.value.hint


def test_other_columns_are_an_error_with_a_way_out(tmp_path):
    with pytest.raises(FtcError, match="its columns are question, context, answer; exp") as caught:
        read(tmp_path, '[{"question": "q", "context": "c", "answer": "a"}]')
    mapping = 'columns = { prompt = "question", input = "context", output = "answer" }'
    assert caught.value.hint == f'set format = "columns" and {mapping}'
    names = {"prompt": "question", "input": "context", "output": "answer"}
    text = '[{"question": "q", "context": "c", "answer": "a"}]'
    found = read(tmp_path, text, format="columns", columns=names)
    assert shown(found.train[0]) == ["user: q\nc", "assistant: a"]


def test_nearest_column_is_named(tmp_path):
    with pytest.raises(FtcError) as caught:
        read(tmp_path, '[{"mesages": []}]')
    assert caught.value.hint == "mesages may be meant as messages"


@pytest.mark.parametrize(
    ("columns", "stage", "message"),
    [
        ({"prompt": "q", "output": "b"}, "sft", "has no column 'b'; it has q, a"),
        ({"promt": "q", "output": "a"}, "sft", "data.columns.promt: unknown role"),
        ({"prompt": "q"}, "sft", "the roles prompt make no row for stage sft"),
        ({"prompt": "q", "output": "a"}, "pretrain", "holds alpaca rows, which stage pretrain"),
        ({}, "sft", "data.columns is missing"),
    ],
)
def test_bad_column_names(tmp_path, columns, stage, message):
    with pytest.raises(FtcError, match=message):
        read(tmp_path, '[{"q": "q", "a": "a"}]', stage, format="columns", columns=columns or None)


def test_columns_without_their_format(tmp_path):
    with pytest.raises(FtcError, match=r"data\.columns is given, but data\.format is 'auto'"):
        read(tmp_path, '[{"q": "q"}]', columns={"prompt": "q"})


@pytest.mark.parametrize("column", ["text", "body"])
def test_named_columns_of_other_stages(tmp_path, column):
    row = f'[{{"{column}": "t"}}]'
    found = read(tmp_path, row, "pretrain", format="columns", columns={"text": column})
    assert found.train[0].text == "t"
    names = {"prompt": "a", "chosen": "b", "rejected": "c"}
    row = '[{"a": "p", "b": "x", "c": "y"}]'
    found = read(tmp_path, row, "dpo", format="columns", columns=names)
    assert shown(found.train[0]) == ["user: p", "chosen: x", "rejected: y"]
    names = {"prompt": "a", "completion": "b", "label": "c"}
    row = '[{"a": "p", "b": "x", "c": 0}]'
    found = read(tmp_path, row, "kto", format="columns", columns=names)
    assert (shown(found.train[0]), found.train[0].label) == (["user: p", "completion: x"], False)


STAGES = ("sft", "pretrain", "dpo", "orpo", "kto")
LEGAL = {
    "alpaca": ("sft",),
    "sharegpt": ("sft",),
    "messages": ("sft", "kto"),
    "text": ("pretrain",),
    "preference": ("dpo", "orpo"),
    "kto": ("kto",),
}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("case", CASES["good"], ids=lambda case: case["why"])
def test_stage_decides_which_format_is_legal(tmp_path, case, stage):
    row, form = parse(case["row"]), case["format"]
    legal = stage in LEGAL[form] and not (stage == "kto" and "label" not in row)
    legal = legal or (stage == "sft" and form == "kto" and "messages" in row)
    if legal:
        assert read(tmp_path, f"[{case['row']}]", stage, format="auto").train
    else:
        refused = f"which stage {stage} cannot train on|its columns are|rows are bad"
        with pytest.raises(FtcError, match=refused):
            read(tmp_path, f"[{case['row']}]", stage, format="auto")
        with pytest.raises(FtcError, match=refused):
            read(tmp_path, f"[{case['row']}]", stage, format=form)


def test_system_of_the_recipe_goes_where_there_is_none(tmp_path):
    rows = (
        '[{"instruction": "a", "output": "b"}, {"instruction": "a", "output": "b", "system": "x"}]'
    )
    found = read(tmp_path, rows, system="Be brief.")
    assert [shown(example)[0] for example in found.train] == ["system: Be brief.", "system: x"]
    plain = read(tmp_path, rows)
    assert [e.id for e in plain.train] == [e.id for e in found.train]


def test_id_depends_on_content_only(tmp_path):
    rows = (
        '{"instruction": "a", "input": "b", "output": "c"}',
        '{"output": "c", "instruction": "a\\nb"}',
    )
    first, second = read(tmp_path, f"[{', '.join(rows)}]").train
    assert first.id == second.id
    other = read(tmp_path, '[{"instruction": "a", "output": "c"}]').train[0]
    assert other.id != first.id
