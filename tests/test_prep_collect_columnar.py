"""JSON Lines read a column at a time say what the same lines say row by row."""

import gzip
import json
import zlib
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.made.files import collect, inputs
from tests.made.words import texts

from ftc.prep.collect import documents, lines, opened, tables
from ftc.prep.collect.opened import unpacked
from ftc.prep.collect.piece import Block

WHOLE = 2**22


@contextmanager
def sizes(first, chunk, looked_at=2, held=opened.HELD_BYTES):
    """Chunks of this many bytes, about; those of the first are read row by row."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "FIRST", first)
        patch.setattr(lines, "CHUNK", chunk)
        patch.setattr(tables, "LOOKED_AT", looked_at)
        patch.setattr(opened, "HELD_BYTES", held)
        yield


def told(folder, name, **how):
    with sizes(**how):
        seen = collect(folder, name, documents="text")
    return seen.rows, sorted(map(str, seen.ledger)), seen.figures


def blocks(folder, name, **how):
    """How many chunks of a file were read a column at a time."""
    known = inputs(folder, name, documents="text")
    with sizes(**how), unpacked(folder / name, name) as file:
        found = tables.pieces(documents.read(file), known.settings)
        return sum(isinstance(item, Block) for item in found)


def chat(*turns, names=("role", "content")):
    return [dict(zip(names, turn, strict=True)) for turn in turns]


HI, HELLO, BE = ("user", "Hi"), ("assistant", "Hello"), ("system", "Be kind.")
GOOD = {
    "text": [
        {"text": "A document."},
        {"text": "Ünïcode “quoted”\n\ttabbed \u2028\u0000 \U0001f600"},
    ],
    "alpaca": [{"instruction": "Hi", "output": "Hello"}, {"output": "b", "instruction": "a"}],
    "input": [
        {"instruction": "Hi", "input": "", "output": "Hello"},
        {"instruction": "Hi", "input": "\u00a0", "output": "Hello"},
        {"instruction": "Add", "input": "1 2", "output": "3"},
    ],
    "pair": [{"Question": "Hi", "answer": "Hello"}, {"answer": "b", "Question": "a"}],
    "messages": [
        {"messages": chat(HI, HELLO)},
        {"messages": chat(BE, HI, HELLO, HI, HELLO)},
        {"messages": [{"content": "a", "role": "user"}, {"content": "b", "role": "assistant"}]},
    ],
    "sharegpt": [
        {"conversations": chat(("human", "Hi"), ("gpt", "Hello"), names=("from", "value"))},
        {
            "conversations": chat(
                ("system", "Be"), ("user", "a"), ("bot", "b"), names=("from", "value")
            )
        },
    ],
}
ODD = [  # lines as bytes; KEY and GOOD stand for the first column and for a good row
    b"",
    b" ",
    b"\r",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"\x0c",
    b"\0",
    b"nonsense",
    b"[1, 2]",
    b"1",
    b"null",
    b"{}",
    b"{",
    b"}",
    b'{"KEY":',
    b'"x"}',
    b"{}{}",
    b"GOODGOOD",
    b"GOOD GOOD",
    b"GOOD,",
    b"GOODx",
    b"GOOD}",
    b" GOOD",
    b"GOOD ",
    b"GOOD\t\r",
    b"GOOD\xe2\x80\xa8",
    b"GOOD\0",
    b"\xef\xbb\xbfGOOD",
    b"\0GOOD",
    b"GOOD // comment",
    b"/* comment */ GOOD",
    b"{'KEY': 'x'}",
    b"[GOOD]",
    b"GOOD\rGOOD",
    b"GOOD\r\r",
    b'{"KEY": "x",}',
    b'{"KEY": NaN}',
    b'{"KEY": 1e999}',
    b'{"KEY": -Infinity}',
    b'{"KEY": 7}',
    b'{"KEY": 1.50}',
    b'{"KEY": true}',
    b'{"KEY": null}',
    b'{"KEY": ""}',
    b'{"KEY": " \\n\\u00a0"}',
    b'{"KEY": "\\u001c"}',
    b'{"KEY": "2024-01-31"}',
    b'{"KEY": "2024-01-31T01:02:03Z"}',
    b'{"KEY": "12"}',
    b'{"KEY": "null"}',
    b'{"KEY": "\\ud800"}',
    b'{"KEY": "\\ud800\\u0041"}',
    b'{"KEY": "\\udc00"}',
    b'{"KEY": "\\u0000"}',
    b'{"KEY": "a\\/\\b\\f\\u00E9"}',
    b'{"KEY": "\\x41"}',
    b'{"KEY": "\\u12"}',
    b'{"KEY": "\\u+123"}',
    b'{"KEY": "a\tb"}',
    b'{"KEY": "a\0b"}',
    b'{"KEY": "a\x7fb"}',
    b'{"KEY": "caf\xe9"}',
    b'{"KEY": "\xed\xa0\x80"}',
    b'{"KEY": "\xc0\xaf"}',
    b'{"KEY": "\xf4\x90\x80\x80"}',
    b'{"KEY": "\xf0\x9f\x98\x80"}',
    b'{"KEY": "\xff"}',
    b'{"KEY": "a", "KEY": "b"}',
    b'{"KEY": "a", "more": 1}',
    b'{"KEY": "a", "title": "T"}',
    b'{"more": "a"}',
    b'{"\\u004bEY": "a"}',
    b'{"KEY": {"a": "b"}}',
    b'{"KEY": ["a"]}',
    b'{"KEY": []}',
    b'{"KEY": [[]]}',
    b'{"KEY": [null]}',
    b'{"KEY" : "a"\x0c}',
    b'{"KEY": "a}\n{b"}',
    b'{"KEY": "a"\n}',
    b'{"KEY":\n"a"}GOOD',
    b'{"KEY": "' + b"long " * 200 + b'"}',
    b'{"KEY": ' + b"[" * 2000 + b"]" * 2000 + b"}",
    b'{"KEY": ' + b"1" * 5000 + b"}",
    b'{"instruction": "a", "output": "b", "input": null}',
    b'{"instruction": "a", "output": ""}',
    b'{"instruction": " ", "output": "b"}',
    b'{"instruction": " ", "output": "b", "input": "c"}',
    b'{"instruction": 1, "output": 2}',
    b'{"instruction": "a", "output": "b", "history": []}',
    b'{"Question": " ", "answer": "b"}',
    b'{"Question": "a", "answer": 5}',
    b'{"Question": "a"}',
    *[
        json.dumps({key: value}).encode()
        for key in ("messages", "conversations")
        for names in (("role", "content"), ("from", "value"))
        for value in [
            chat(HI, names=names),
            chat(HELLO, names=names),
            chat(BE, names=names),
            chat(BE, HI, names=names),
            chat(BE, BE, HI, HELLO, names=names),
            chat(HI, BE, HELLO, names=names),
            chat(HI, HI, HELLO, names=names),
            chat(HI, HELLO, HELLO, names=names),
            chat(HI, ("assistant", " "), names=names),
            chat(("system", ""), HI, HELLO, names=names),
            chat(("human", "a"), ("gpt", "b"), names=names),
            chat(("User ", "a"), ("assistant", "b"), names=names),
            chat(("developer", "s"), ("prompter", "a"), ("model", "b"), names=names),
            chat(HI, ("function_call", "{}"), names=names),
            chat(HI, ("assistant", None), names=names),
            chat((None, "a"), HELLO, names=names),
            chat(HI, ("assistant", 3), names=names),
            chat(HI, HELLO, ("tool", "x"), HELLO, names=names),
            [*chat(HI, names=names), None],
            [*chat(HI, names=names), {}],
            [*chat(HI, names=names), {names[0]: "assistant", names[1]: "x", "weight": 0}],
            [*chat(HI, names=names), {names[0]: "assistant"}],
            "[]",
            {},
            [[]],
        ]
    ],
    b'{"messages": [{"role": "user", "role": "user", "content": "a"}, '
    b'{"role": "assistant", "content": "b"}]}',
]


def filled(line, kind):
    good = json.dumps(GOOD[kind][0]).encode()
    return line.replace(b"GOOD", good).replace(b"KEY", next(iter(GOOD[kind][0])).encode())


def good(kind, seed=0, count=1):
    """Good rows of a kind, in two spellings of JSON."""
    known = GOOD[kind]
    return [
        json.dumps(known[i % len(known)], ensure_ascii=i % 2 == 0).encode()
        for i in range(seed, seed + count)
    ]


def same(folder, raw, *chunks, name="a.jsonl", held=opened.HELD_BYTES):
    (folder / name).write_bytes(raw)
    expected = told(folder, name, first=WHOLE, chunk=WHOLE, held=held)
    for chunk in chunks:
        assert told(folder, name, first=chunk, chunk=chunk, held=held) == expected, raw
    return expected


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_plain_rows_are_read_a_column_at_a_time(tmp_path, kind, end):
    raw = end.join(good(kind, count=50))
    same(tmp_path, raw, 1, 1000)
    assert blocks(tmp_path, "a.jsonl", first=200, chunk=1000) > 2
    assert blocks(tmp_path, "a.jsonl", first=WHOLE, chunk=WHOLE) == 0


@pytest.mark.parametrize("kind", GOOD)
def test_an_odd_line_is_read_as_ever(tmp_path, kind):
    start = good(kind, count=3)
    short, long = len(b"\n".join(start[:2])), len(b"\n".join(start)) + 1
    for line in ODD:
        odd = filled(line, kind)
        same(tmp_path, b"\n".join([*start, odd, *start, b""]), short, long)
        same(tmp_path, b"\n".join([*start, odd]), long)
        same(tmp_path, b"\n".join([*start, odd, start[0] + start[1], b""]), long)


@given(
    st.sampled_from(sorted(GOOD)),
    st.lists(st.one_of(st.none(), st.none(), st.integers(0, len(ODD) - 1)), max_size=30),
    st.integers(1, 2000),
    st.sampled_from([b"\n", b"\r\n"]),
    st.booleans(),
    st.sampled_from([100, 2000, 2**28]),
)
def test_any_lines_in_any_chunks_are_read_as_ever(
    tmp_path_factory, kind, found, chunk, end, last, held
):
    rows = [
        good(kind, seed)[0] if number is None else filled(ODD[number], kind)
        for seed, number in enumerate(found)
    ]
    raw = end.join([*good(kind, count=2), *rows]) + (end if last else b"")
    same(tmp_path_factory.mktemp("any"), raw, chunk, held=held)


def test_of_a_gz_that_breaks_off_every_line_before_is_read(tmp_path):
    raw = b"\n".join(good("text", count=2000))
    noise = [json.dumps({"text": text}).encode() for text in texts(300, seed=1)]
    packed = gzip.compress(b"\n".join([raw, *noise]))
    for cut in range(100, len(packed), 5000):
        there = zlib.decompressobj(31).decompress(packed[:cut]).count(b"\n")
        rows, ledger, _ = same(tmp_path, packed[:cut], 3000, 2**20, name="a.jsonl.gz")
        assert len(rows) == there
        assert len(ledger) == 1


def test_more_rows_than_pyarrow_reads_at_once(tmp_path):
    count = 130_000
    (tmp_path / "a.jsonl").write_bytes(b'{"text":"a"}\n' * count)
    found = blocks(tmp_path, "a.jsonl", first=2**16, chunk=2**21)
    assert found > 2
    seen = collect(tmp_path, "a.jsonl", documents="text")
    assert [seen.rows[0].place, seen.rows[-1].place] == ["line 1", f"line {count}"]
    assert len(seen.rows) == count
