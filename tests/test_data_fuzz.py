"""Whatever stands in a file or a row: examples, rejected rows or an FtcError, never a crash."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ftc import recipe
from ftc.data.load import load
from ftc.errors import FtcError

NAMES = ["rows.json", "rows.jsonl", "rows.csv", "rows.tsv", "rows.txt", "rows.parquet", "rows"]
STAGES = ["sft", "pretrain", "dpo", "kto"]
COLUMNS = [
    *("instruction", "input", "output", "system", "history", "messages", "conversations", "tools"),
    *("text", "prompt", "chosen", "rejected", "completion", "label"),
]
KEYS = st.sampled_from(
    ["role", "from", "content", "value", "name", "arguments", "function", "tool_calls", "weight"]
)
WORDS = st.sampled_from(
    ["user", "assistant", "system", "tool", "function_call", "", " ", "a", "[1]", "{}", '{"x": 1}',
     "\ud800", "NaN", "true"]
)  # fmt: skip
LEAVES = WORDS | st.none() | st.booleans() | st.integers(-1, 9) | st.floats(width=16)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4)
)
TURNS = st.lists(
    st.fixed_dictionaries({"role": WORDS, "content": WORDS}, optional={"tool_calls": VALUES}),
    max_size=5,
)
ROWS = st.dictionaries(st.sampled_from(COLUMNS), VALUES | TURNS, min_size=1, max_size=6)


def outcome(name, content, stage, **data):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(content)
        try:
            found = load(recipe.Data(path=name, **data), stage, Path(folder), 1)
        except FtcError as error:
            assert str(error)
            return None
    assert found.train
    for row in (*found.train, *found.eval):
        assert len(row.id) == 16
        assert row.line > 0
    assert all(bad.reason and bad.line > 0 for bad in found.rejected)
    return found


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(NAMES), st.binary(max_size=200), st.sampled_from(STAGES))
@example("rows.csv", b'"', "sft")
@example("rows.csv", b"\n\ntext\na", "pretrain")
@example("rows.json", b'{"text": 1', "pretrain")
@example("rows.jsonl", b"\xef\xbb\xbf", "sft")
@example("rows.jsonl", b"\x1f\x8b", "sft")
@example("rows.parquet", b"PAR1", "sft")
def test_any_bytes(name, content, stage):
    outcome(name, content, stage)


@settings(max_examples=300, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=5), st.sampled_from(STAGES))
def test_any_rows(rows, stage):
    found = outcome("rows.json", json.dumps(rows).encode(), stage)
    if found is not None:
        assert len(found.train) + len(found.eval) + len(found.rejected) == len(rows)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(ROWS, min_size=1, max_size=4),
    st.sampled_from(["alpaca", "sharegpt", "messages", "text", "preference", "kto"]),
    st.sampled_from(STAGES),
)
def test_any_rows_in_a_named_format(rows, name, stage):
    content = "\n".join(map(json.dumps, rows)).encode()
    outcome("rows.jsonl", content, stage, format=name)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_few_rows(size):
    found = outcome("rows.jsonl", b'{"text": "a"}\n{"text": "b"}\n{"text": "c"}\n'[: 14 * size],
                    "pretrain")  # fmt: skip
    assert (len(found.train), len(found.eval)) == {1: (1, 0), 2: (1, 1), 3: (2, 1)}[size]
