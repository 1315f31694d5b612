"""Which sources are found, how text is cut, and that rows keep their ids."""

import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.made.files import collect, inputs
from tests.made.words import texts

from ftc.errors import FtcError
from ftc.prep.collect import encoding, found, gather, opened, prose, read
from ftc.prep.collect.piece import Piece
from ftc.preparation.collect import Collect


def write(folder, **files):
    for name, content in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def folder(tmp_path):
    names = ("b.txt", "a.md", "deep/er/c.html", "deep/d.xyz", ".hidden/e.txt", "prepared/x.txt")
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("Some text.")
    return tmp_path


def test_folders_globs_and_files_are_found_once_by_name(folder):
    listed = found(inputs(folder, ".", "b.txt", "**/*.html"))
    assert [(one.name, one.kind, one.size) for one in listed] == [
        ("a.md", "markdown", 10),
        ("b.txt", "text", 10),
        ("deep/d.xyz", "", 10),
        ("deep/er/c.html", "html", 10),
    ]
    assert [one.name for one in found(inputs(folder, "**/c.*", "b.*"))] == [
        "b.txt",
        "deep/er/c.html",
    ]
    assert [one.name for one in found(inputs(folder / "deep", "../b.txt"))] == ["../b.txt"]
    assert [one.name for one in found(inputs(folder, "prepared"))] == ["prepared/x.txt"]
    assert [one.name for one in found(inputs(folder, ".hidden/e.txt"))] == [".hidden/e.txt"]
    assert [one.name for one in found(inputs(folder, str(folder / "a.md")))] == ["a.md"]


def test_what_is_not_there_is_said_with_the_nearest_name(folder):
    with pytest.raises(FtcError, match=r"'b\.text' matches no file") as error:
        found(inputs(folder, "b.text"))
    assert error.value.hint == "did you mean 'b.txt'?"
    with pytest.raises(FtcError, match="matches no file"):
        found(inputs(folder, "**/*.pdf"))
    with pytest.raises(FtcError, match="none of 1 files is of a kind"):
        found(inputs(folder, "deep/d.xyz"))


def test_a_file_of_no_known_kind_is_one_line(folder):
    seen = collect(folder)
    assert seen.refused() == [("deep/d.xyz", "", "unknown kind of file")]
    assert seen.ledger[0]["detail"] == ".xyz"
    assert seen.figures["collect.files"] == 4
    assert seen.figures["collect.kind.markdown"] == 1


def test_a_link_to_nothing_and_an_empty_file_are_told(tmp_path):
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere.txt")
    write(tmp_path, **{"empty.txt": b"\xef\xbb\xbf \n", "good.txt": "Text."})
    seen = collect(tmp_path)
    assert seen.refused() == [
        ("empty.txt", "", "empty file"),
        ("gone.txt", "", "cannot be read"),
    ]
    assert seen.texts() == ["Text."]


def test_short_text_is_one_chunk_and_long_text_is_cut_at_paragraphs(tmp_path):
    long = "\n\n".join(texts(12, seed=1))
    write(tmp_path, **{"short.txt": "One.\r\n\r\nTwo.\r\n", "long.txt": long})
    seen = collect(tmp_path)
    assert seen.texts()[-1] == "One.\n\nTwo."
    chunks = seen.texts()[:-1]
    assert "\n\n".join(chunks) == long
    assert all(len(chunk.split()) <= 400 for chunk in chunks)
    assert [row.place for row in seen.rows[:2]] == ["line 1", "line 5"]


def test_a_long_paragraph_is_cut_behind_sentences():
    text = " ".join(f"Number {i} is a sentence of nine words here." for i in range(20))
    chunks = list(prose.cut([prose.Block("line 1", text)], Collect(max_words=20)))
    assert len(chunks) == 10
    assert all(chunk.text.endswith(".") for chunk in chunks)
    again = list(prose.cut([prose.Block("line 1", text)], Collect(max_words=20, overlap=10)))
    assert [chunk.text.split(". ")[0] for chunk in again[1:]] == [
        chunk.text.split(". ")[1].rstrip(".") for chunk in again[:-1]
    ]


def test_text_without_spaces_is_cut_too():
    for text in ("你好世界。" * 400, "a" * 50_000, "你" * 5000):
        chunks = list(prose.cut([prose.Block("", text)], Collect(max_words=20)))
        assert "".join(chunk.text for chunk in chunks) == text
        assert all(prose.words(chunk.text) <= 20 for chunk in chunks)


signs = st.sampled_from([*string.ascii_letters, *" \n\t.!?\"'\u2019。你é-", "\n\n", ". ", "? A"])


@given(st.lists(signs, max_size=600).map("".join), st.integers(20, 40))
def test_no_text_is_lost_or_doubled_and_no_chunk_is_too_long(text, limit):
    if not text.strip():
        return
    blocks = [prose.Block("", part) for part in text.split("\n\n") if part.strip()]
    chunks = list(prose.cut(blocks, Collect(max_words=limit)))
    assert "".join("".join(chunk.text.split()) for chunk in chunks) == "".join(text.split())
    assert all(prose.words(chunk.text) <= limit for chunk in chunks)


@given(st.lists(st.lists(signs, min_size=1, max_size=80).map("".join), max_size=30))
def test_no_text_of_a_plain_file_is_lost_or_doubled(tmp_path_factory, parts):
    folder = tmp_path_factory.mktemp("plain")
    text = "\n".join(parts)
    if not text.strip():
        return
    (folder / "a.txt").write_text(text, encoding="utf-8", newline="")
    seen = collect(folder, "a.txt", max_words=20)
    if any(row.medium == "transcript" for row in seen.rows):
        return  # a transcript's times go into its places
    assert "".join("".join(found.split()) for found in seen.texts()) == "".join(text.split())


def test_ids_stay_when_a_line_is_put_in_elsewhere(tmp_path):
    lines = [f'{{"text": "{text}"}}' for text in texts(200, seed=3)]
    lines[150] = lines[20]
    write(tmp_path, **{"a.jsonl": "\n".join(lines)})
    before = [row.id for row in collect(tmp_path).rows]
    write(tmp_path, **{"a.jsonl": "\n".join([*lines[:100], '{"text": "new"}', *lines[100:]])})
    after = [row.id for row in collect(tmp_path).rows]
    assert after[:100] + after[101:] == before
    assert len(set(after)) == 201


def test_equal_rows_of_different_batches_have_different_ids(monkeypatch, tmp_path):
    write(tmp_path, **{"a.jsonl": '{"text": "same"}\n{"text": "other"}\n' * 50})
    whole = [row.id for row in collect(tmp_path).rows]
    monkeypatch.setattr(gather, "ROWS", 7)
    assert [row.id for row in collect(tmp_path).rows] == whole
    assert len(set(whole)) == 100


def test_many_signs_make_a_batch_before_many_rows(monkeypatch):
    monkeypatch.setattr(gather, "SIGNS", 1000)
    pieces = (Piece("", ("chunk", "x" * 300)) for _ in range(10))
    assert [outcome.rows.num_rows for outcome in gather.outcomes(pieces, "a")] == [4, 4, 2]


MIXED = "Grüße aus Köln\n".encode() + "Café – “Müller”\n".encode("cp1252") + b"plain\n"


def test_lines_of_mixed_encodings_are_read_and_told(tmp_path):
    write(tmp_path, **{"mixed.txt": MIXED, "odd.txt": b"a\x81b\n"})
    seen = collect(tmp_path)
    assert seen.texts() == ["Grüße aus Köln\nCafé – “Müller”\nplain", "a\x81b"]
    line = seen.ledger[0]
    assert (line["action"], line["row"]) == ("changed", seen.rows[0].id)
    assert line["reason"] == "read as cp1252, not UTF-8"
    assert seen.figures["collect.lines.recoded"] == 2


@pytest.mark.parametrize("name", ["utf-32", "utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_other_unicode_encodings_are_read(tmp_path, name):
    write(tmp_path, **{"a.txt": "Eins, zwei und drei.\r\nVier.".encode(name)})
    write(tmp_path, **{"b.csv": "text,n\r\nEins und zwei,1\r\n".encode(name)})
    write(tmp_path, **{"c.json": '[{"text": "Eins, zwei und drei."}]'.encode(name)})
    seen = collect(tmp_path)
    assert seen.texts() == ["Eins, zwei und drei.\nVier.", "Eins und zwei", "Eins, zwei und drei."]
    assert not seen.ledger


def test_a_binary_file_with_the_name_of_a_text_is_refused(tmp_path):
    write(tmp_path, **{"a.txt": b"\x7fELF\x02\x01\x01\0\0\0\0\x13" * 90, "b.txt": "Good."})
    seen = collect(tmp_path)
    assert seen.refused() == [("a.txt", "", "binary file, not text")]
    assert seen.texts() == ["Good."]


def test_a_line_that_is_too_long_is_skipped_and_the_rest_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(opened, "HELD_BYTES", 100)
    write(tmp_path, **{"a.txt": "one\n\n" + "x" * 150 + "\n\ntwo\n", "b.txt": "y" * 300})
    seen = collect(tmp_path)
    assert seen.texts() == ["one\n\ntwo"]
    assert seen.refused() == [
        ("a.txt", "line 3", "line too long"),
        ("b.txt", "line 1", "line too long"),
    ]


def test_western_never_fails():
    assert len(encoding.western(bytes(range(256)))) == 256


MARKDOWN = """---
title: "The guide"
---
Before all.

# Data

It teaches.

```python
# no heading

x = 1
```

Setext two
----------
- item

## Empty
### Below
Text # with sign
## Last
"""


def test_markdown_is_cut_by_headings(tmp_path):
    write(tmp_path, **{"a.md": MARKDOWN})
    seen = collect(tmp_path)
    assert [(row.place, row.title, row.turns[0][1]) for row in seen.rows] == [
        ("line 4", "The guide", "Before all."),
        ("line 8", "Data", "It teaches.\n\n```python\n# no heading\n\nx = 1\n```"),
        ("line 18", "Data > Setext two", "- item"),
        ("line 22", "Data > Empty > Below", "Text # with sign"),
        ("line 23", "Data", "Last"),
    ]
    assert seen.rows[0].extra == {"front_matter": 'title: "The guide"'}
    assert not seen.rows[1].extra


@given(st.lists(st.sampled_from(["# A", "## B c", "text.", "", "```", "x", "---", "===", "- i"])))
def test_no_word_of_markdown_is_lost(tmp_path_factory, lines):
    folder = tmp_path_factory.mktemp("markdown")
    text = "start\n\n" + "\n".join(lines)
    write(folder, **{"a.md": text})
    seen = collect(folder, "a.md")
    kept = " ".join(part for row in seen.rows for part in (row.title, row.turns[0][1]))
    assert set(re.findall(r"\w+", text)) <= set(re.findall(r"\w+", kept))


def test_reading_twice_gives_the_same_bytes(tmp_path):
    write(tmp_path, **{"a.txt": "\n\n".join(texts(50, seed=5)), "b.md": MARKDOWN})
    known = inputs(tmp_path, ".")

    def tables():
        return [out.rows for source in found(known) for out in read(source, known)]

    first, second = tables(), tables()
    assert len(first) == 2
    assert all(one.equals(other) for one, other in zip(first, second, strict=True))


def test_names_are_relative_to_the_recipe_wherever_it_is_run(tmp_path, monkeypatch):
    write(tmp_path, **{"data__a.txt": "Text."})
    monkeypatch.chdir(Path("/"))
    assert [row.file for row in collect(tmp_path, "data").rows] == ["data/a.txt"]
