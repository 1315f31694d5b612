"""Data files of every kind are read for what they hold, or refused with place and remedy."""

import gzip
import os
import re
import sys
import tomllib
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from ftc import recipe
from ftc.data.load import load
from ftc.data.read import read
from ftc.errors import FtcError

CASES = tomllib.loads((Path(__file__).parent / "data" / "files.toml").read_text("utf-8"))["file"]


def write(folder, case):
    path = folder / case["name"]
    text = case.get("text", "").removeprefix("\n").encode()
    path.write_bytes(bytes.fromhex(case["hex"]) if "hex" in case else text)
    return path


def seen(table):
    return [[line, str(next(iter(row.values())))] for line, row in table.rows]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_file(tmp_path, case, packed):
    path = write(tmp_path, case)
    if packed:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path = path.with_name(path.name + ".gz")
    if "error" in case:
        if packed and case["name"].endswith(".gz"):
            return
        message = re.escape(case["error"]).replace(re.escape(case["name"]), f"{case['name']}.*")
        with pytest.raises(FtcError, match=message) as caught:
            read(path, path.name)
        assert caught.value.exit_code == 2
        return
    table = read(path, path.name)
    assert seen(table) == case["rows"]
    assert [[bad.line, bad.reason] for bad in table.rejected] == case.get("refused", [])
    assert {bad.file for bad in table.rejected} <= {path.name}


@pytest.mark.parametrize("case", [c for c in CASES if "error" in c], ids=lambda case: case["name"])
def test_every_refusal_says_what_to_try(tmp_path, case):
    with pytest.raises(FtcError) as caught:
        read(write(tmp_path, case))
    assert caught.value.hint


def test_missing_file_names_the_nearest(tmp_path):
    (tmp_path / "train.jsonl").write_text("{}")
    with pytest.raises(FtcError, match=r"^data/trian.jsonl: no such file$") as caught:
        read(tmp_path / "trian.jsonl", "data/trian.jsonl")
    assert caught.value.hint == "did you mean data/train.jsonl?"


def test_missing_file_that_looks_like_a_hub_id(tmp_path):
    with pytest.raises(FtcError) as caught:
        read(tmp_path / "tatsu-lab/alpaca", "tatsu-lab/alpaca")
    assert caught.value.hint == (
        "for a data set on the hub write: hub = 'tatsu-lab/alpaca' instead of path"
    )


def test_folder_lists_its_data_files(tmp_path):
    for name in ("b.jsonl", "a.csv.gz", "notes.md"):
        (tmp_path / name).write_text("x")
    with pytest.raises(FtcError, match="is a folder, not a data file") as caught:
        read(tmp_path)
    assert caught.value.hint == "name one of the files in it: a.csv.gz, b.jsonl"


def test_empty_folder(tmp_path):
    with pytest.raises(FtcError) as caught:
        read(tmp_path)
    assert caught.value.hint.startswith("there is no data file in it")


def test_unreadable_file(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.symlink_to(path)  # not even root may read it
    with pytest.raises(FtcError, match="cannot be read: Too many levels of symbolic links"):
        read(path)


def test_pipe(tmp_path):
    path = tmp_path / "rows.jsonl"
    os.mkfifo(path)
    with pytest.raises(FtcError, match="is a pipe or a device"):
        read(path)


@pytest.mark.parametrize("depth", [5_000, 200_000])
def test_deep_nesting_is_no_crash(tmp_path, depth):
    deep = '{"a": ' + "[" * depth + "]" * depth + "}"
    path = tmp_path / "deep.jsonl"
    path.write_text(f'{{"text": "a"}}\n{deep}\n')
    table = read(path)
    assert [(bad.line, bad.reason) for bad in table.rejected] == [
        (2, "not JSON: nested too deeply")
    ]
    path = tmp_path / "deep.json"
    path.write_text(f"[{deep}]")
    with pytest.raises(FtcError, match="nested too deeply"):
        read(path)


def test_nesting_that_only_hashing_finds_too_deep(tmp_path):
    call = '{"name": "f", "arguments": {"x": ' + "[" * 900 + "]" * 900 + "}}"
    turns = '{"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [%s]}'
    good = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}'
    (tmp_path / "rows.jsonl").write_text(f'{{"messages": [{turns % call}]}}\n{good}\n')
    found = load(recipe.Data(path="rows.jsonl", eval=0), "sft", tmp_path, 1)
    assert len(found.train) + len(found.rejected) == 2
    assert found.train[-1].line == 2


@pytest.mark.parametrize("junk", [b"x" * 50_000_000, b"[" * 50_000_000, b"x\n" * 25_000_000])
@pytest.mark.parametrize("suffix", ["json", "jsonl"])
def test_fifty_megabytes_of_junk(tmp_path, junk, suffix):
    path = tmp_path / f"junk.{suffix}"
    path.write_bytes(junk)
    with pytest.raises(FtcError) as caught:
        read(path)
    assert len(str(caught.value)) < 500


def test_long_csv_field(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(f"text\n{'x' * 300_000}\n")
    assert len(read(path).rows[0][1]["text"]) == 300_000


def test_parquet(tmp_path):
    parquet.write_table(pyarrow.table({"text": ["a", None]}), tmp_path / "rows.parquet")
    table = read(tmp_path / "rows.parquet")
    assert table.rows == [(1, {"text": "a"}), (2, {"text": None})]
    renamed = (tmp_path / "rows.parquet").rename(tmp_path / "rows.jsonl")
    assert read(renamed).kind == "parquet"


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "rows.parquet").write_bytes(b"PAR1xxxxPAR1")
    with pytest.raises(FtcError, match="needs pyarrow") as caught:
        read(tmp_path / "rows.parquet")
    assert caught.value.hint == "pip install 'ftc[data]'"


def test_data_set_without_path_or_hub(tmp_path):
    with pytest.raises(FtcError, match="neither path nor hub is given"):
        load(recipe.Data(), "sft", tmp_path, 1)
    with pytest.raises(FtcError, match="both given"):
        load(recipe.Data(path="a.jsonl", hub="a/b"), "sft", tmp_path, 1)
