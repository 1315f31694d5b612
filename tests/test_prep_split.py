"""Which rows are held out: groups whole, by content and seed, never a parent on both sides."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftc.data.identity import prompt_key
from ftc.data.layouts import chat, kto, preference, text
from ftc.errors import FtcError
from ftc.prep.canonical import asked, record
from ftc.prep.groups import held_out, names
from ftc.prep.rows import Row, identity, table
from ftc.prep.split import write
from ftc.prep.store import read_table, write_table

EDGES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 20)), max_size=60)


@given(EDGES)
def test_names_are_those_of_connected_rows(edges):
    rows = [i for i, _ in edges] + list(range(31))
    keys = [100 + key for _, key in edges] + [1000 + i for i in range(31)]
    found = names(np.array(rows), np.array(keys, np.uint64), 31)
    parts = {i: {i} for i in range(31)}
    for i, key in edges:
        for j, other in edges:
            if key == other:
                joined = parts[i] | parts[j]
                for member in joined:
                    parts[member] = joined
    for i in range(31):
        for j in range(31):
            assert (found[i] == found[j]) == (j in parts[i])


@given(
    st.lists(st.integers(0, 12), min_size=2, max_size=60), st.floats(0.01, 0.6), st.integers(0, 9)
)
def test_groups_are_held_out_whole_and_not_too_many(keys, share, seed):
    groups = np.array(keys, np.uint64)
    held = held_out(groups, share, seed)
    assert not set(groups[held]) & set(groups[~held])
    sizes = np.unique(groups, return_counts=True)[1]
    if len(sizes) == 1:
        assert not held.any()
    else:
        wanted = max(round(share * len(keys)), 1)
        assert 1 <= held.sum() <= max(wanted, sizes.min())


def test_the_order_of_rows_and_the_seed():
    groups = np.arange(1000, dtype=np.uint64) * 977
    order = np.random.default_rng(1).permutation(1000)
    one = set(groups[held_out(groups, 0.1, 42)])
    assert one == set(groups[order][held_out(groups[order], 0.1, 42)])
    assert one != set(groups[held_out(groups, 0.1, 43)])
    assert len(one) == 100
    assert not held_out(groups, 0.0, 42).any()


def turn(role, content):
    return {"role": role, "content": content}


READ = [
    (chat, Row("a" * 16, "f", "line 1", (("user", "q"), ("assistant", "a")), "chat")),
    (
        chat,
        Row(
            "b" * 16,
            "f",
            "line 2",
            (("system", "s"), ("user", "q"), ("assistant", ""), ("tool", "4"), ("assistant", "4")),
            "chat",
            extra={
                "tools": [{"type": "function", "function": {"name": "add"}}],
                "tool_calls": {"2": [{"name": "add", "arguments": {"a": 2}}]},
            },
        ),
    ),
    (text, Row("c" * 16, "f", "line 3", (("text", "words"),), "text")),
    (
        preference,
        Row("d" * 16, "f", "p", (("user", "q"), ("chosen", "y"), ("rejected", "n")), "preference"),
    ),
    (
        kto,
        Row("e" * 16, "f", "p", (("user", "q"), ("completion", "y")), "kto", extra={"label": True}),
    ),
]


@pytest.mark.parametrize(("layout", "row"), READ, ids=[row.form + row.id[0] for _, row in READ])
def test_what_is_written_is_read_as_the_same_row(layout, row):
    said = json.loads(json.dumps(record(row)))
    example = layout(said)
    assert prompt_key(example) == asked(row)
    contents = [m.content for m in example.messages]
    contents += [m.content for m in (example.chosen, example.rejected, example.completion) if m]
    contents += [example.text] if example.text else []
    assert contents == [content for _, content in row.turns]
    if "tool_calls" in row.extra:
        assert example.messages[2].tool_calls == ({"name": "add", "arguments": {"a": 2}},)
        assert example.tools[0]["function"]["name"] == "add"
    if row.form == "kto":
        assert example.label is True


def made(count):
    """Rows of which two in a row have a parent in common, and every tenth pair asks the same."""
    for i in range(count):
        asks = "the same" if i % 20 < 2 else f"question {i}"
        yield Row(
            identity("row", str(i)),
            "raw.txt",
            f"line {i}",
            (("user", asks), ("assistant", f"answer {i}")),
            "chat",
            parents=(identity("chunk", str(i // 2)),),
        )


def written(folder, count, stage="sft", share=0.2, form=None):
    rows = [row if form is None else row._replace(form=form) for row in made(count)]
    for i in range(0, count, 16):
        write_table(folder / f"{i:05}.parquet", table(rows[i : i + 16]))
    sources = sorted(folder.glob("0*.parquet"))
    ledger = folder / "ledger.parquet"
    return write(sources, folder, ledger, stage=stage, share=share, seed=42)


def test_no_parent_and_no_prompt_is_on_both_sides(tmp_path):
    found = written(tmp_path, 100)
    parts = {}
    for part in ("train", "eval"):
        lines = (tmp_path / f"{part}.jsonl").read_text().splitlines()
        parts[part] = [json.loads(line) for line in lines]
    assert (len(parts["train"]), len(parts["eval"])) == (found.train, found.eval)
    assert 10 <= found.eval <= 20
    for key in (lambda row: row["parents"][0], lambda row: row["messages"][0]["content"]):
        assert not set(map(key, parts["train"])) & set(map(key, parts["eval"]))


def test_an_old_eval_file_goes_when_nothing_is_held_out(tmp_path):
    written(tmp_path, 40)
    assert (tmp_path / "eval.jsonl").exists()
    found = written(tmp_path, 40, share=0.0)
    assert found == (40, 0, {})
    assert not (tmp_path / "eval.jsonl").exists()


def test_rows_of_another_form_are_counted(tmp_path):
    rows = [row._replace(form="chunk") if i % 4 == 0 else row for i, row in enumerate(made(40))]
    write_table(tmp_path / "00000.parquet", table(rows))
    found = write(
        [tmp_path / "00000.parquet"],
        tmp_path,
        tmp_path / "ledger.parquet",
        stage="sft",
        share=0.1,
        seed=1,
    )
    assert found.other == {"chunk": 10}
    assert found.train + found.eval == 30
    lines = read_table(tmp_path / "ledger.parquet").to_pylist()
    assert len(lines) == 10
    assert lines[0]["reason"] == "a chunk row, which stage sft does not train on"


def test_no_row_of_the_right_form(tmp_path):
    with pytest.raises(FtcError, match="stage sft trains on chat rows, and there are only 8 chunk"):
        written(tmp_path, 8, form="chunk")
    assert not (tmp_path / "train.jsonl").exists()
