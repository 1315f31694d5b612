"""Tables: what columns mean, bad rows among good ones, and files that are far too large."""

import gzip
import json
import resource
import subprocess
import sys
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.made.files import collect
from tests.made.words import texts

from ftc.data.formats import BY_NAME
from ftc.data.table import BadRow
from ftc.errors import FtcError
from ftc.prep.collect import documents, layout, opened, quick, values
from ftc.prep.collect.encoding import blocks
from ftc.prep.collect.opened import unpacked
from ftc.prep.collect.piece import Unreadable
from ftc.prep.collect.sources import data_set

CHAT = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
TURNS = (("user", "Hi"), ("assistant", "Hello"))


def write(path, *rows):
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")


def one(tmp_path, *rows, **settings):
    write(tmp_path / "a.jsonl", *rows)
    return collect(tmp_path, "a.jsonl", **settings)


CASES = {
    "messages": ({"messages": CHAT}, "chat", TURNS, {}),
    "sharegpt": (
        {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]},
        "chat",
        TURNS,
        {},
    ),
    "alpaca": (
        {"instruction": "Hi", "input": "you", "output": "Hello", "source": "web"},
        "chat",
        (("user", "Hi\nyou"), ("assistant", "Hello")),
        {"source": "web"},
    ),
    "pair": ({"Question": "Hi", "answer": "Hello"}, "chat", TURNS, {}),
    "text": ({"text": "A document.", "n": 3}, "text", (("text", "A document."),), {"n": 3}),
    "preference": (
        {"prompt": "Hi", "chosen": "Hello", "rejected": "No"},
        "preference",
        (("user", "Hi"), ("chosen", "Hello"), ("rejected", "No")),
        {},
    ),
    "kto": (
        {"prompt": "Hi", "completion": "Hello", "label": False},
        "kto",
        (("user", "Hi"), ("completion", "Hello")),
        {"label": False},
    ),
    "content": (
        {"content": "Raw text.", "title": "T", "label": "news"},
        "chunk",
        (("chunk", "Raw text."),),
        {"title": "T", "column.label": "news"},
    ),
    "classes": ({"messages": CHAT, "label": "news"}, "chat", TURNS, {"column.label": "news"}),
}


@pytest.mark.parametrize("name", CASES)
def test_columns_show_what_rows_are(tmp_path, name):
    row, form, turns, extra = CASES[name]
    seen = one(tmp_path, row)
    assert not seen.ledger
    found = seen.rows[0]
    assert (found.form, found.turns, found.extra) == (form, turns, extra)
    assert (found.place, found.medium, found.file) == ("line 1", "table", "a.jsonl")


def test_tools_and_calls_are_kept(tmp_path):
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    asked = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "content": "2"}
    seen = one(tmp_path, {"messages": [CHAT[0], asked, result, CHAT[1]], "tools": [tool]})
    assert seen.rows[0].turns == (
        ("user", "Hi"),
        ("assistant", ""),
        ("tool", "2"),
        ("assistant", "Hello"),
    )
    assert seen.rows[0].extra == {
        "tools": [tool],
        "tool_calls": {"1": [{"name": "f", "arguments": {"x": 1}}]},
    }


def test_columns_may_be_named(tmp_path):
    names = {"prompt": "q", "output": "a"}
    seen = one(tmp_path, {"q": "Hi", "a": "Hello", "id": 7}, columns=names)
    assert (seen.rows[0].turns, seen.rows[0].extra) == (TURNS, {"id": 7})
    seen = one(tmp_path, {"text": "Hi", "n": 1}, columns=names)
    assert seen.rows[0].form == "text"
    seen = one(tmp_path, {"lyrics": "Hi there", "n": 1}, columns={"text": "lyrics"})
    assert (seen.rows[0].form, seen.rows[0].extra) == ("text", {"n": 1})


def test_documents_can_be_raw_material(tmp_path):
    long = "\n\n".join(texts(10, seed=4))
    seen = one(tmp_path, {"text": long, "url": "x"}, documents="chunk")
    assert len(seen.rows) > 3
    assert "\n\n".join(seen.texts()) == long
    assert all(row.form == "chunk" and row.extra == {"url": "x"} for row in seen.rows)


def test_columns_without_text_are_named(tmp_path):
    seen = one(tmp_path, {"a": 1, "b": 2})
    assert seen.refused() == [("a.jsonl", "", "no column that holds text or a training format")]
    assert seen.ledger[0]["detail"] == "a, b"


def test_bad_rows_are_told_and_the_rest_goes_on(tmp_path):
    good = json.dumps({"messages": CHAT})
    lines = [
        good,
        '{"messages": [',
        "[1, 2]",
        good + " x",
        '{"messages": []}',
        '{"messages": [{"role": "user", "content": "Hi"}]}',
        '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": " "}]}',
        '{"messages": ' + "[" * 100_000 + "}",
        '{"n": ' + "1" * 5000 + "}",
        '{"messages": [{"role": "user", "content": "\\ud800"}, '
        '{"role": "assistant", "content": "x"}]}',
        "",
        "\ufeff",
        good,
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    seen = collect(tmp_path)
    assert [row.place for row in seen.rows] == ["line 1", "line 13"]
    assert [(place, reason) for _, place, reason in seen.refused()] == [
        ("line 2", "broken JSON"),
        ("line 3", "no object with columns"),
        ("line 4", "broken JSON"),
        ("line 5", "no usable row of format messages"),
        ("line 6", "no usable row of format messages"),
        ("line 7", "empty answer"),
        ("line 8", "broken JSON"),
        ("line 9", "broken JSON"),
        ("line 12", "broken JSON"),
        ("line 10", "half of a surrogate pair"),
    ]
    assert seen.ledger[0]["before"] == '{"messages": ['


def test_mixed_encodings_in_json_lines(tmp_path):
    raw = '{"text": "Grüße"}\n'.encode() + '{"text": "Grüße!"}\n'.encode("cp1252")
    (tmp_path / "a.jsonl").write_bytes(raw)
    (tmp_path / "b.json").write_bytes(
        '[{"text": "Köln"}, '.encode() + '{"text": "Köln!"}]'.encode("cp1252")
    )
    seen = collect(tmp_path)
    assert seen.texts() == ["Grüße", "Grüße!", "Köln", "Köln!"]
    assert [line["reason"] for line in seen.ledger] == ["read as cp1252, not UTF-8"] * 2


DOCUMENTS = {
    "array": '[{"text": "a"}, {"text": "b"}]',
    "wrapper": '{"version": [1, 2], "data": [{"text": "a"}, {"text": "b"}], "n": 1}',
    "lines": '{"text": "a"}\n{"text": "b"}',
    "pretty": json.dumps([{"text": "a"}, {"text": "b"}], indent=2),
    "pretty wrapper": json.dumps(
        {"info": {"x": [{}]}, "rows": [{"text": "a"}, {"text": "b"}]}, indent=1
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".txt", ".json.gz"])
def test_json_is_known_by_its_content(tmp_path, name, suffix):
    if suffix == ".txt" and name != "lines":
        return
    raw = DOCUMENTS[name].encode()
    path = tmp_path / f"a{suffix}"
    path.write_bytes(gzip.compress(raw) if suffix.endswith(".gz") else raw)
    assert collect(tmp_path).texts() == ["a", "b"]


def test_one_object_is_a_row(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"messages": CHAT}, indent=2))
    assert collect(tmp_path).rows[0].turns == TURNS


def test_broken_documents_keep_what_stands_before(tmp_path):
    (tmp_path / "a.json").write_text('[{"text": "a"}, {"text": "b"')
    (tmp_path / "b.json").write_text('[{"text": "a"} {"text": "b"}]')
    (tmp_path / "c.json").write_text("[]")
    (tmp_path / "d.json").write_text("hello")
    (tmp_path / "e.json").write_text('{"a": [{"text": "x"}], "b": [{"text": "y"}]}')
    seen = collect(tmp_path)
    assert seen.texts() == ["a", "a", "x"]
    assert seen.refused() == [
        ("a.json", "row 2", "broken JSON"),
        ("b.json", "row 1", "broken JSON"),
        ("c.json", "", "no rows in the table"),
        ("d.json", "", "broken JSON"),
        ("e.json", "", "more than one list of rows"),
    ]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(json_values, max_size=8), st.integers(1, 40), st.booleans())
def test_values_come_whole_from_any_cutting(items, size, ascii_only):
    text = json.dumps(items, ensure_ascii=ascii_only, indent=1 if size % 2 else None)
    stream = values.Values((text[i : i + size], 0) for i in range(0, len(text), size))
    assert stream.value() == items
    assert stream.peek() == ""
    stream = values.Values((text[i : i + size], 0) for i in range(0, len(text), size))
    stream.skip("[")
    found = []
    while stream.peek() != "]":
        found.append(stream.value())
        if stream.peek() == ",":
            stream.skip(",")
    assert found == items


@given(st.text('{}[]":,a1 \\', max_size=30))
def test_broken_json_is_always_told(text):
    stream = values.Values(iter([(text, 0)]))
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(Unreadable):
            stream.value()
            stream.skip("")
    else:
        assert stream.value() == expected


def test_rows_over_the_limit_are_refused(tmp_path, monkeypatch):
    for module in (opened, values):
        monkeypatch.setattr(module, "HELD_BYTES", 1000)
    long, short = json.dumps({"text": "x" * 3_000_000}), '{"text": "a"}'
    (tmp_path / "a.jsonl").write_text(f"{short}\n{long}\n{short}\n")
    (tmp_path / "b.json").write_text(f"[{short}, {long}, {short}]")
    seen = collect(tmp_path)
    assert seen.texts() == ["a", "a", "a"]
    assert seen.refused() == [
        ("a.jsonl", "line 2", "line too long"),
        ("b.json", "row 2", "row too long"),
    ]


READ_LARGE = """
import resource, sys
from tests.made.files import inputs
from ftc.prep.collect import found, read
known = inputs(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = 0
for source in found(known):
    for outcome in read(source, known):
        rows += outcome.rows.num_rows
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_large_array_on_one_line_is_not_held_in_memory(tmp_path, wrapped):
    text = json.dumps({"text": "word " * 4000})
    with (tmp_path / "a.json").open("w") as stream:
        stream.write('{"data": [' if wrapped else "[")
        stream.write(",".join([text] * 2500))  # 50 MB
        stream.write("]}" if wrapped else "]")
    (tmp_path / "tiny.json").write_text('[{"text": "a"}]')
    ran = subprocess.run(
        [sys.executable, "-c", READ_LARGE, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    rows, kib = map(int, ran.stdout.split())
    assert rows == 2501
    assert kib * 1024 < resource.getpagesize() + 5 * 2**26  # of the batches, not of the file


def test_csv_and_tsv(tmp_path):
    (tmp_path / "a.csv").write_text(
        'instruction;output\n"Hi; ""you""\nthere";Hello\na;b;c\n\nBye;Ciao\n'
    )
    (tmp_path / "b.tsv").write_text("text\tn\nSome, text\t1\n")
    (tmp_path / "c.csv").write_text("text,text\na,b\n")
    (tmp_path / "d.csv").write_text("text,\na,b\n")
    seen = collect(tmp_path)
    assert [row.place for row in seen.rows] == ["line 2", "line 6", "line 2"]
    assert seen.rows[0].turns == (("user", 'Hi; "you"\nthere'), ("assistant", "Hello"))
    assert (seen.rows[2].turns[0][1], seen.rows[2].extra) == ("Some, text", {"n": "1"})
    assert seen.refused() == [
        ("a.csv", "line 4", "fields do not fit the header"),
        ("c.csv", "line 1", "a column named twice"),
        ("d.csv", "line 1", "a column without a name"),
    ]


def test_csv_in_mixed_encodings_and_with_an_open_quote(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"text,n\nCaf\xe9,1\nna\xc3\xafve,2\n")
    (tmp_path / "b.csv").write_text('text,n\nfine,1\n"open,2\nmore,3\n')
    seen = collect(tmp_path)
    assert seen.texts() == ["Café", "naïve", "fine"]
    assert [(line["action"], line["place"]) for line in seen.ledger] == [
        ("changed", "line 2"),
        ("refused", "line 3"),
    ]


def test_parquet_with_nested_nulls(tmp_path):
    turn = pa.struct([("role", pa.string()), ("content", pa.string())])
    chats = [
        CHAT,
        None,
        [],
        [None],
        [CHAT[0], None],
        [{"role": None, "content": None}],
        [CHAT[0], {"role": "assistant", "content": None}],
        CHAT,
    ]
    days = [date(2026, 11, 23)] + [None] * 7
    table = pa.table({"messages": pa.array(chats, pa.list_(turn)), "day": days})
    pq.write_table(table, tmp_path / "a.parquet")
    pq.write_table(pa.table({"text": ["a", None, "", "b"]}), tmp_path / "b.parquet")
    (tmp_path / "c.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-50])
    (tmp_path / "d.parquet.gz").write_bytes(gzip.compress((tmp_path / "b.parquet").read_bytes()))
    seen = collect(tmp_path)
    assert [(row.file, row.place) for row in seen.rows] == [
        ("a.parquet", "row 1"),
        ("a.parquet", "row 8"),
        ("b.parquet", "row 1"),
        ("b.parquet", "row 4"),
        ("d.parquet.gz", "row 1"),
        ("d.parquet.gz", "row 4"),
    ]
    assert seen.rows[0].extra == {"day": "2026-11-23"}
    reasons = [reason for name, _, reason in seen.refused() if name == "a.parquet"]
    assert reasons == ["no usable row of format messages"] * 6
    assert ("b.parquet", "row 2", "empty text") in seen.refused()
    assert ("c.parquet", "", "broken Parquet file") in seen.refused()


def test_a_hub_data_set_that_cannot_be_had_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    write(tmp_path / "a.jsonl", {"text": "a"})
    seen = collect(tmp_path, "hub:no/such#train", "a.jsonl")
    assert seen.texts() == ["a"]
    assert seen.refused() == [("hub:no/such#train", "", "data set cannot be read")]


words = st.sampled_from(["", " ", "a", "b c", "\n", "é"])
scalars = words | st.sampled_from([None, 3, 0.5, True, ["x"]])
spoken = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", "human"]), "content": scalars},
    optional={"weight": st.sampled_from([0, 1])},
)
quick_rows = st.one_of(
    st.tuples(st.just("text"), st.dictionaries(st.sampled_from(["text", "n"]), scalars)),
    st.tuples(
        st.just("alpaca"),
        st.dictionaries(st.sampled_from(["instruction", "input", "output", "system"]), scalars),
    ),
    st.tuples(
        st.just("messages"),
        st.fixed_dictionaries(
            {"messages": st.lists(spoken, max_size=5)},
            optional={"system": words, "tools": st.none()},
        ),
    ),
)


@given(quick_rows)
def test_the_quick_way_says_what_the_layouts_say(case):
    name, row = case
    found = quick.QUICK[name](row)
    try:
        example = BY_NAME[name].convert(row)
    except BadRow:
        assert found is None
        return
    if found is not None:
        said = [part for turn in example.messages for part in (turn.role, turn.content)]
        assert found == tuple(said or ("text", example.text))
        assert not example.tools


@pytest.mark.parametrize("name", ["text", "alpaca", "messages"])
def test_plain_rows_do_go_the_quick_way(name):
    assert (
        quick.QUICK[name](
            CASES[name][0]
            if name == "messages"
            else {
                "text": {"text": "a"},
                "alpaca": {"instruction": "a", "input": "", "output": "b"},
            }[name]
        )
        is not None
    )


def test_every_format_has_its_columns_and_its_form():
    assert set(layout._USED) == set(layout.FORMS) == set(BY_NAME)


def test_lines_of_json_are_told_from_a_wrapper(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(DOCUMENTS["wrapper"])
    with unpacked(path, "a.json") as file:
        assert not documents.is_lines(file)
        assert "".join(text for text, _ in blocks(file)) == DOCUMENTS["wrapper"]


@pytest.mark.parametrize(
    ("entry", "parts"),
    [
        ("hub:o/n", ("o/n", None, None, "train")),
        ("hub:o/n/main@v1#test", ("o/n", "main", "v1", "test")),
        ("hub:o/n#train[:10%]", ("o/n", None, None, "train[:10%]")),
        ("hub:squad", ("squad", None, None, "train")),
    ],
)
def test_the_parts_of_a_hub_name_are_told_apart(entry, parts):
    named = data_set(entry)
    assert (named.hub, named.subset, named.revision, named.split) == parts


@pytest.mark.parametrize("entry", ["hub:", "hub:/n", "hub:o/n/x/y", "hub:o/n@"])
def test_a_misspelled_hub_name_is_an_error(tmp_path, entry):
    with pytest.raises(FtcError, match="names no data set"):
        collect(tmp_path, entry)
